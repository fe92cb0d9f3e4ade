//! Start, signals, end: the example program as a process.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use image::ImageFormat;
use serve::{Content, Limits, NamedRecord, Options, ServeError, Server};

use crate::answers::{encoded, photograph};
use crate::client::{Connection, get, post};
use crate::{file, record};

/// The example program.
struct Program {
    child: Child,
    address: SocketAddr,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Program {
    fn start(record: &Path) -> Self {
        let mut child = Command::new(example())
            .arg(record)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            address: line
                .trim()
                .strip_prefix("http://")
                .unwrap()
                .parse()
                .unwrap(),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Returns the next line on stderr.
    fn said(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the program that `cargo test` builds beside the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder
        .join("examples")
        .join(format!("serve{}", std::env::consts::EXE_SUFFIX))
}

#[test]
#[cfg(unix)]
fn sigterm_under_load_finishes_what_was_taken_within_two_seconds() {
    let mut program = Program::start(&file("v2-softmax"));
    let address = program.address;
    let is_ending = Arc::new(AtomicBool::new(false));
    let (answered, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let png = Arc::new(encoded(&photograph(300, 200), ImageFormat::Png));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (is_ending, answered, lost, png) =
                (is_ending.clone(), answered.clone(), lost.clone(), png.clone());
            thread::spawn(move || {
                let mut connection = Connection::new(address);
                loop {
                    let head = format!(
                        "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
                        png.len()
                    );
                    let request = [head.as_bytes(), &png].concat();
                    let sent = std::io::Write::write_all(&mut connection.0, &request);
                    match connection.receive().filter(|_| sent.is_ok()) {
                        Some(answer) => {
                            assert_eq!(answer.status, 200);
                            answered.fetch_add(1, SeqCst);
                        }
                        // Between two requests, a connection may be closed at the end.
                        None => {
                            lost.fetch_add(usize::from(!is_ending.load(SeqCst)), SeqCst);
                            return;
                        }
                    }
                }
            })
        })
        .collect();
    while answered.load(SeqCst) < 50 {
        thread::sleep(Duration::from_millis(10));
    }
    is_ending.store(true, SeqCst);
    let begin = Instant::now();
    program.signal("TERM");
    let status = program.child.wait().unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(status.success(), "{status}");
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    assert_eq!(lost.load(SeqCst), 0, "connections closed before the end");
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "nobody listens"
    );
}

#[test]
#[cfg(unix)]
fn sigterm_ends_in_time_even_with_a_client_that_does_not_finish() {
    let mut program = Program::start(&file("v2-softmax"));
    let mut slow = Connection::new(program.address);
    slow.send(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n1");
    thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    program.signal("TERM");
    assert!(program.child.wait().unwrap().success());
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
#[cfg(unix)]
fn sighup_picks_up_a_replaced_record_and_keeps_the_old_one_for_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model.bpk");
    let replace = |bytes: &[u8]| {
        let beside = folder.path().join("new");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(&beside, &place).unwrap();
    };
    replace(&std::fs::read(file("v2-softmax")).unwrap());
    let mut program = Program::start(&place);
    let is_calibrated = |program: &Program| {
        let about = get(program.address, "/v1/model").json();
        about["calibrated"].as_bool().unwrap()
    };
    assert!(is_calibrated(&program));
    replace(&std::fs::read(file("v2-plain")).unwrap());
    assert!(is_calibrated(&program), "a request reads no file");
    program.signal("HUP");
    assert_eq!(program.said(), "reloaded\n");
    assert!(!is_calibrated(&program));
    replace(b"no record");
    program.signal("HUP");
    assert!(
        program
            .said()
            .starts_with("not reloaded: not a readable Burn pack")
    );
    let answer = post(
        program.address,
        "/v1/predict",
        "application/octet-stream",
        &[0; 48],
    );
    assert_eq!(answer.status, 200);
}

#[test]
fn what_cannot_be_served_is_an_error() {
    let free = || Options {
        listen: ([127, 0, 0, 1], 0).into(),
        limits: Limits::default(),
        allow_origin: None,
    };
    let of = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        move || {
            let models = names.iter().map(|name| NamedRecord {
                name: name.clone(),
                record: record("v2-plain"),
            });
            Ok(Content {
                models: models.collect(),
                site: Vec::new(),
            })
        }
    };
    let error = |names: &[&str]| Server::start(free(), of(names)).map(drop).unwrap_err();
    assert!(matches!(error(&[]), ServeError::NoModel));
    assert!(matches!(error(&["a", "a"]), ServeError::SameName(_)));
    for name in ["", "a/b", "a\nb"] {
        assert!(matches!(error(&[name]), ServeError::Name(_)));
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options {
        listen: taken.local_addr().unwrap(),
        ..free()
    };
    let found = Server::start(options, of(&["a"])).map(drop);
    assert!(matches!(found, Err(ServeError::Listen { .. })));
    let failing = Server::start(free(), || Err("no file".into())).map(drop);
    assert_eq!(failing.unwrap_err().to_string(), "no file");
}
