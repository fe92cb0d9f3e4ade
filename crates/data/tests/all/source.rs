use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use data::fashion_mnist::{CLASS_NAMES, FILES, NAME};
use data::idx::{read_labels, write_labels};
use data::{PlaceState, Progress, Request, download, load, places};
use tempfile::TempDir;

use crate::{gzip, package};

pub const TRAIN_IMAGES: &str = FILES[0].name;
pub const TRAIN_LABELS: &str = FILES[1].name;
pub const TEST_IMAGES: &str = FILES[2].name;
pub const TEST_LABELS: &str = FILES[3].name;

/// Returns the download that is in progress; nothing else takes long here.
fn download_of(at: Progress) -> data::Download {
    match at {
        Progress::Download(at) => at,
        other => panic!("{other:?}"),
    }
}

/// Serves what is asked for from a table, anything else is 404. Returns the address.
fn serve(files: HashMap<String, Vec<u8>>) -> String {
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let address = format!("http://{}/files/", server.server_addr());
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let response = match files.get(request.url().trim_start_matches("/files/")) {
                Some(bytes) => {
                    tiny_http::Response::from_data(bytes.clone()).with_chunked_threshold(usize::MAX)
                }
                None => tiny_http::Response::from_data("not here").with_status_code(404),
            };
            let _ = request.respond(response); // a client may have had enough
        }
    });
    address
}

/// Serves the package's files, except for those replaced.
fn mirror(replaced: &[(&str, Vec<u8>)]) -> String {
    let mut files: HashMap<String, Vec<u8>> = FILES
        .iter()
        .map(|file| format!("{}.gz", file.name))
        .map(|name| (name.clone(), fs::read(package().join(name)).unwrap()))
        .collect();
    files.extend(
        replaced
            .iter()
            .map(|(name, bytes)| (format!("{name}.gz"), bytes.clone())),
    );
    serve(files)
}

/// Promises more bytes than it sends.
fn broken_mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 29491\r\n\r\n";
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(
                &fs::read(package().join(format!("{TRAIN_LABELS}.gz"))).unwrap()[..9000],
            );
        }
    });
    address
}

fn published(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(package().join(format!("{name}.gz"))).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Returns a folder with copies of the package's files, except for those replaced. A name that ends
/// in `!` removes.
fn folder(replaced: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        let name = format!("{}.gz", file.name);
        fs::copy(package().join(&name), dir.path().join(&name)).unwrap();
    }
    for (name, bytes) in replaced {
        match name.strip_suffix('!') {
            Some(name) => fs::remove_file(dir.path().join(name)).unwrap(),
            None => fs::write(dir.path().join(name), bytes).unwrap(),
        }
    }
    dir
}

fn listing(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn fashion<'a>() -> Request<'a> {
    Request {
        system: None,
        ..Request::new(NAME)
    }
}

#[test]
fn the_package_is_found_and_verified() {
    let set = load(&Request::new(NAME), &mut |_| panic!("no download")).unwrap();
    assert_eq!(set.place, package());
    assert_eq!((set.train.len(), set.test.len()), (60_000, 10_000));
    assert_eq!(
        (set.train.height(), set.train.width(), set.train.classes()),
        (28, 28, 10)
    );
    assert_eq!(set.train.label_counts(), [6000; 10]);
    assert_eq!(set.test.label_counts(), [1000; 10]);
    assert_eq!(set.class_names, CLASS_NAMES);
    for (file, pin) in set.files.iter().zip(FILES) {
        assert_eq!((&*file.sha256, file.bytes), (pin.sha256, pin.bytes));
        assert_eq!(file.path, package().join(format!("{}.gz", pin.name)));
    }
    let (train, validation) = set.train.split(5000, 42).unwrap();
    assert_eq!((train.len(), validation.len()), (55_000, 5_000));
}

/// Nothing of what is refused may leave a file behind.
#[test]
fn bad_mirrors_are_refused() {
    let random: Vec<u8> = data::permutation(1, 1, 80_000)
        .iter()
        .map(|i| *i as u8)
        .collect();
    let mut other = published(TRAIN_LABELS);
    other[1000] ^= 1;
    let zipped = fs::read(package().join(format!("{TRAIN_LABELS}.gz"))).unwrap();
    let mut damaged = zipped.clone();
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    let cases = [
        (serve(HashMap::new()), "http status: 404"),
        (
            mirror(&[(TRAIN_LABELS, gzip(&other))]),
            "is another file: its SHA-256 is",
        ),
        (
            mirror(&[(TRAIN_LABELS, other.clone())]),
            "is another file: its SHA-256 is",
        ),
        (
            mirror(&[(TRAIN_LABELS, b"<html>Log in, please</html>".to_vec())]),
            "has 27 bytes uncompressed, expected 60008",
        ),
        (
            mirror(&[(TRAIN_LABELS, vec![])]),
            "has 0 bytes uncompressed, expected 60008",
        ),
        (
            mirror(&[(TRAIN_LABELS, zipped[..9000].to_vec())]),
            "the answer cannot be used:",
        ),
        (
            mirror(&[(TRAIN_LABELS, damaged)]),
            "does not have a matching checksum",
        ),
        (
            mirror(&[(TRAIN_LABELS, gzip(&[0; 100_000]))]),
            "has more than 60008 bytes uncompressed, expected 60008",
        ),
        (
            mirror(&[(TRAIN_LABELS, random.clone())]),
            "has more than 60008 bytes",
        ),
        (
            mirror(&[(TRAIN_LABELS, gzip(&random))]),
            "has more than 60008 bytes",
        ),
        (broken_mirror(), "the answer cannot be used:"),
        ("http://127.0.0.1:1/".into(), "onnection refused"),
        ("no address at all".into(), "no address at all/train-labels"),
    ];
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(TRAIN_IMAGES), published(TRAIN_IMAGES)).unwrap();
    for (mirror, expect) in cases {
        let found = download(dir.path(), std::slice::from_ref(&mirror), &mut |_| ())
            .unwrap_err()
            .to_string();
        assert!(found.contains(expect), "{found}\nexpected: {expect}");
        assert!(
            found.starts_with("train-labels-idx1-ubyte: no address gave it\n"),
            "{found}"
        );
        let address = format!(
            "{}/train-labels-idx1-ubyte.gz: ",
            mirror.trim_end_matches('/')
        );
        assert!(found.contains(&address), "{found}");
        assert_eq!(listing(dir.path()), [TRAIN_IMAGES]);
    }
}

#[test]
fn the_next_mirror_helps() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("a/b");
    let mirrors = [serve(HashMap::new()), mirror(&[])];
    let mut last = HashMap::new();
    let request = Request {
        cache: Some(&cache),
        mirrors: &mirrors,
        ..fashion()
    };
    let set = load(&request, &mut |at| {
        let at = download_of(at);
        last.insert(at.file.to_string(), (at.done, at.total));
    })
    .unwrap();
    assert_eq!(set.place, cache);
    assert_eq!(
        listing(&cache),
        [TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS]
    );
    for file in FILES {
        let size = fs::metadata(package().join(format!("{}.gz", file.name)))
            .unwrap()
            .len();
        assert_eq!(last[file.name], (size, Some(size)));
        assert_eq!(
            fs::read(cache.join(file.name)).unwrap(),
            published(file.name)
        );
    }
    // The second time it is there.
    load(&request, &mut |_| panic!("downloaded again")).unwrap();
}

#[test]
fn a_corrupt_cache_is_passed_over_or_healed() {
    let mut wrong = published(TEST_IMAGES);
    wrong[5000] ^= 1;
    let cache = folder(&[(TEST_IMAGES, wrong), ("t10k-images-idx3-ubyte.gz!", vec![])]);
    fs::write(cache.path().join(TRAIN_IMAGES), published(TRAIN_IMAGES)).unwrap();

    // The package is behind the cache.
    let request = Request {
        cache: Some(cache.path()),
        ..Request::new(NAME)
    };
    assert_eq!(load(&request, &mut |_| ()).unwrap().place, package());
    let found = places(&request);
    assert_eq!(found.len(), 2);
    assert!(matches!(&found[0].state, PlaceState::Refused(error)
        if error.to_string().contains("t10k-images-idx3-ubyte: is not Fashion-MNIST's: its SHA-256 is")));
    assert!(matches!(&found[1].state, PlaceState::Verified(files) if files.len() == 4));

    // Nothing is behind it, then a mirror.
    let nowhere = Request {
        cache: Some(cache.path()),
        ..fashion()
    };
    let error = load(&nowhere, &mut |_| ()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("\n  cache ") && text.contains("It is damaged, or of another"),
        "{text}"
    );
    assert!(text.ends_with("\n  download: not tried"), "{text}");
    let mirrors = [mirror(&[])];
    let healed = load(
        &Request {
            mirrors: &mirrors,
            ..nowhere.clone()
        },
        &mut |at| {
            assert_ne!(download_of(at).file, TRAIN_IMAGES, "this one was good");
        },
    );
    assert_eq!(healed.unwrap().place, cache.path());
    load(&nowhere, &mut |_| ()).unwrap();
}

#[test]
fn nowhere_lists_every_place() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, missing) = (dir.path().join("cache"), dir.path().join("package"));
    fs::create_dir(&cache).unwrap();
    let mirrors = [serve(HashMap::new()), "http://127.0.0.1:1".into()];
    let request = Request {
        cache: Some(&cache),
        system: Some(&missing),
        mirrors: &mirrors,
        ..fashion()
    };
    let states = places(&request);
    assert!(matches!(&states[0].state, PlaceState::Incomplete(names) if names.len() == 4));
    assert!(matches!(&states[1].state, PlaceState::Missing));
    let error = load(&request, &mut |_| ()).unwrap_err();
    let text = error.to_string();
    for expect in [
        "no place has usable files of Fashion-MNIST\n  cache ",
        "/cache: missing train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images",
        "/package: there is no such folder\n  download: train-images-idx3-ubyte: no address",
        "train-images-idx3-ubyte.gz: http status: 404",
        "\n    http://127.0.0.1:1/train-images-idx3-ubyte.gz: ",
    ] {
        assert!(text.contains(expect), "{text}\nexpected: {expect}");
    }
    assert!(error.hint().contains("apt install dataset-fashion-mnist"));
    assert!(error.hint().contains("--data-dir"));
    assert!(listing(&cache).is_empty());

    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let request = Request {
        cache: Some(&file),
        mirrors: &mirrors,
        ..fashion()
    };
    let text = load(&request, &mut |_| ()).unwrap_err().to_string();
    assert!(text.contains("/file: cannot be written: "), "{text}");
}

/// Names and contents.
type Files<'a> = Vec<(&'a str, Vec<u8>)>;

/// A named folder is never silently replaced, however good the package is.
#[test]
fn a_named_folder_is_the_only_place() {
    let labels = |start: &[u8]| write_labels(&[start, &vec![0; 60_000 - start.len()]].concat());
    let mnist = labels(&[5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    let kmnist = labels(&[8, 7, 0, 1, 4, 2, 4, 8, 1, 1]);
    let mnist_test = write_labels(&[&[7, 2, 1, 0, 4, 1, 4, 9, 5, 9][..], &[0; 9990]].concat());
    let small = write_labels(&[1, 2, 3]);
    let plain = |name: &'static str, bytes| vec![(name, bytes)];
    let cases: Vec<(Files, &str, &str)> = vec![
        (
            plain(TRAIN_LABELS, mnist.clone()),
            "train-labels-idx1-ubyte: is not Fashion-MNIST's: these are MNIST's files, which carry the same names",
            "--set data.name=mnist",
        ),
        (
            plain("train-labels-idx1-ubyte.gz", gzip(&mnist)),
            "these are MNIST's files",
            "--set data.name=mnist",
        ),
        (
            plain(TEST_LABELS, mnist_test),
            "t10k-labels-idx1-ubyte: is not Fashion-MNIST's: these are MNIST's",
            "--set",
        ),
        (
            plain(TRAIN_LABELS, kmnist),
            "MNIST and KMNIST files carry the same names and sizes",
            "--set data.name=mnist",
        ),
        (
            plain(TRAIN_LABELS, small),
            "it has 11 bytes uncompressed, expected 60008",
            "--set data.name=mnist",
        ),
        (
            plain(TRAIN_LABELS, b"oops".to_vec()),
            "train-labels-idx1-ubyte: magic at byte 0 is",
            "leave out --data-dir",
        ),
        (
            plain("train-labels-idx1-ubyte.gz!", vec![]),
            "missing train-labels-idx1-ubyte (or the same with .gz)",
            "leave out --data-dir",
        ),
    ];
    for (replaced, expect, hint) in cases {
        let dir = folder(&replaced);
        let request = Request {
            dir: Some(dir.path()),
            ..Request::new(NAME)
        };
        let error = load(&request, &mut |_| ()).unwrap_err();
        assert!(
            error.to_string().contains(expect),
            "{error}\nexpected: {expect}"
        );
        assert!(
            error.hint().contains(hint),
            "{}\nexpected: {hint}",
            error.hint()
        );
        assert_eq!(places(&request).len(), 1);
    }
    let request = Request {
        dir: Some(Path::new("/no/such")),
        ..Request::new(NAME)
    };
    let error = load(&request, &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "/no/such: there is no such folder");
}

/// Files with other prefixes do not confuse it, and plain ones are preferred.
#[test]
fn a_named_folder_with_good_files() {
    let dir = folder(&[
        (TEST_LABELS, published(TEST_LABELS)),
        ("._train-images-idx3-ubyte", vec![]),
        ("emnist-digits-train-images-idx3-ubyte.gz", vec![]),
    ]);
    let names: Vec<String> = (0..10).map(|i| format!("class {i}")).collect();
    let request = Request {
        dir: Some(dir.path()),
        class_names: Some(&names),
        ..Request::new(NAME)
    };
    let set = load(&request, &mut |_| ()).unwrap();
    assert_eq!(set.class_names, names);
    assert_eq!(set.files[3].path, dir.path().join(TEST_LABELS));
    let request = Request {
        class_names: Some(&names[..9]),
        ..request
    };
    let error = load(&request, &mut |_| ()).unwrap_err();
    assert!(
        error.to_string().contains("is 9, but there are 9 classes"),
        "{error}"
    );
}

/// The published labels begin as upstream's README shows: ankle boot, T-shirt, T-shirt, dress.
#[test]
fn published_labels() {
    let labels = read_labels(&package().join("train-labels-idx1-ubyte.gz")).unwrap();
    assert_eq!(labels[..4], [9, 0, 0, 3]);
}

/// Whatever lies in the cache under the name of a file: it is not believed, and the download puts the
/// published one in its place.
#[test]
fn planted_and_truncated_files_in_the_cache_are_refused_and_healed() {
    let labels = published(TRAIN_LABELS);
    let mnist = write_labels(&[&[5, 0, 4, 1, 9, 2, 1, 3, 1, 4][..], &[0; 59_990]].concat());
    let more = [&labels[..], &[0]].concat();
    let half = published(TEST_IMAGES)[..4_000_000].to_vec();
    let claim = [&[0, 0, 8, 3][..], &[0xff; 12]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (TRAIN_LABELS, labels[..30_000].to_vec(), "30008 are missing"),
        (TRAIN_LABELS, more, "1 more follow"),
        (TRAIN_LABELS, vec![], "cut off"),
        (TRAIN_LABELS, mnist, "these are MNIST's files"),
        (
            TEST_LABELS,
            gzip(&labels),
            "it has 60008 bytes uncompressed",
        ),
        (
            TEST_LABELS,
            gzip(&labels)[..500].to_vec(),
            "cannot be decompressed",
        ),
        (TEST_IMAGES, half, "are missing"),
        (TEST_IMAGES, claim, "more than memory can hold"),
        (
            TRAIN_IMAGES,
            b"<html>Log in, please</html>".to_vec(),
            "not an IDX file",
        ),
    ];
    let cache = tempfile::tempdir().unwrap();
    let mirrors = [mirror(&[])];
    let request = Request {
        cache: Some(cache.path()),
        ..fashion()
    };
    let healing = Request {
        mirrors: &mirrors,
        ..request.clone()
    };
    load(&healing, &mut |_| ()).unwrap();
    for (name, planted, expect) in cases {
        fs::write(cache.path().join(name), planted).unwrap();
        let text = load(&request, &mut |_| ()).unwrap_err().to_string();
        assert!(text.contains(expect), "{text}\nexpected: {expect}");
        let mut fetched = Vec::new();
        let set = load(&healing, &mut |at| {
            fetched.push(download_of(at).file.to_string())
        })
        .unwrap();
        assert_eq!(set.place, cache.path());
        fetched.dedup();
        assert_eq!(fetched, [name], "{expect}: only what was wrong is fetched");
        assert_is_intact(cache.path());
    }
    // What a download cannot replace is an error, not a surprise.
    fs::remove_file(cache.path().join(TEST_LABELS)).unwrap();
    fs::create_dir(cache.path().join(TEST_LABELS)).unwrap();
    let text = load(&healing, &mut |_| ()).unwrap_err().to_string();
    assert!(
        text.contains("t10k-labels-idx1-ubyte: cannot be written"),
        "{text}"
    );
}

/// The four published files, and nothing else.
fn assert_is_intact(cache: &Path) {
    assert_eq!(
        listing(cache),
        [TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS]
    );
    for file in FILES {
        let content = fs::read(cache.join(file.name)).unwrap();
        assert_eq!(content.len() as u64, file.bytes, "{}", file.name);
    }
    // Also compares every checksum.
    let request = Request {
        cache: Some(cache),
        ..fashion()
    };
    assert!(matches!(
        &places(&request)[0].state,
        PlaceState::Verified(_)
    ));
}

/// What one of many processes does; they are told where by their environment.
#[test]
#[ignore = "a part of the next test, which runs it in processes of its own"]
fn one_of_many_fetches() {
    let told = |name: &str| std::env::var(name).ok();
    let (Some(address), Some(cache)) = (told("FETCH_FROM"), told("FETCH_INTO")) else {
        return;
    };
    download(Path::new(&cache), &[address], &mut |_| ()).unwrap();
}

#[test]
fn sixteen_processes_fetch_at_once_and_leave_one_intact_cache() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let address = mirror(&[]);
    let start = |_| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "source::one_of_many_fetches", "--ignored"]);
        command
            .env("FETCH_FROM", &address)
            .env("FETCH_INTO", &cache);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<Child> = (0..16).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
    assert_is_intact(&cache);
}
