//! The page of a run: as text, and in a browser.

use std::collections::HashSet;
use std::fs;

use trainer::report::chart::{self, Chart, Line};

use crate::browser::visit;
use crate::fixtures::{on_tiny, quick, tiny};
use crate::program::{Desk, arg, read_json};

/// Class names as nobody should have to escape by hand.
const NASTY: &str =
    r#"data.classes=["<script>alert('1')</script>", "\"><img src=x onerror=alert(2)>", "&amp;"]"#;

/// Elements without an end tag.
const VOID: [&str; 3] = ["meta", "link", "img"];

/// Returns the start tags of a page: names and attributes. Fails unless every element ends where it should.
fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let page = page
        .strip_prefix("<!DOCTYPE html>")
        .expect("a document type");
    let (mut open, mut all, mut rest) = (Vec::new(), Vec::new(), page);
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("an end of the tag");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "{} before {after:.80}",
                all.len()
            );
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if name == "style" {
            rest = after.split_once("</style").expect("an end of the style").1;
            rest = rest.strip_prefix('>').unwrap();
        } else if !VOID.contains(&name) {
            open.push(name.to_string());
        }
        all.push((name.to_string(), self::attributes(attributes)));
    }
    assert_eq!(open, [""; 0], "not closed");
    all
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').expect("an end of the value");
        assert!(
            name.trim()
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{text}"
        );
        attributes.push((name.trim().to_string(), value.to_string()));
        rest = after;
    }
    assert_eq!(rest.trim(), "", "{text}");
    attributes
}

/// Fails unless a page is well-formed, refers to nothing outside and can be read out.
fn check(page: &str) {
    let elements = elements(page);
    let mut ids = HashSet::new();
    for (name, attributes) in &elements {
        assert_ne!(name, "script");
        let value = |wanted: &str| {
            let found = attributes.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        for (attribute, value) in attributes {
            let inside = match attribute.as_str() {
                "src" | "href" => value.starts_with("data:") || value.starts_with('#'),
                _ => !attribute.starts_with("on") && !value.contains("://"),
            };
            assert!(inside, "{name} {attribute} {value:.200}");
        }
        if let Some(id) = value("id") {
            assert!(ids.insert(id), "two elements are {id}");
        }
        match name.as_str() {
            "img" => assert!(value("alt").is_some_and(|alt| alt.len() > 20)),
            "th" => assert!(matches!(value("scope"), Some("row" | "col"))),
            "svg" => assert_eq!(value("role"), Some("img")),
            _ => {}
        }
    }
    let referred = |(_, attributes): &(String, Vec<(String, String)>)| {
        let refers = |name: &str| name == "href" || name == "aria-labelledby";
        let values = attributes.iter().filter(|(name, _)| refers(name));
        values
            .map(|(_, value)| value.trim_start_matches('#').to_string())
            .collect::<Vec<_>>()
    };
    for id in elements
        .iter()
        .flat_map(referred)
        .filter(|id| id != "data:,")
    {
        assert!(ids.contains(id.as_str()), "nothing is {id}");
    }
    let count = |wanted: &str| elements.iter().filter(|(name, _)| name == wanted).count();
    assert_eq!(
        (count("h1"), count("main"), count("table")),
        (1, 1, count("caption"))
    );
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    assert!(!style.contains("url(") && !style.contains("@import") && !style.contains('<'));
}

/// Trains a run on the tiny data set, which is where `dir` says.
fn train(desk: &Desk, folder: &str, sets: &[&str]) {
    let all = [&["training.epochs=3", "data.validation=60"], sets].concat();
    desk.ok(&[&on_tiny(folder, &all)[..], &["--quiet"]].concat());
}

#[test]
fn the_page_of_a_run_has_everything_and_needs_nothing() {
    let desk = Desk::new();
    tiny(&desk);
    train(&desk, "artifacts/tiny/a", &[]);
    let said = desk.ok(&["report", "tiny/a"]);
    assert_eq!(said.stdout, "artifacts/tiny/a/report.html\n");
    let page = desk.text("artifacts/tiny/a/report.html");
    check(&page);
    for words in [
        "Test accuracy",
        "Loss after each epoch",
        "best epoch",
        "epoch 2: ",
        "validation, epoch 3: ",
        "Confusion matrix",
        "Reliability diagram",
        "Raw probabilities",
        "all 128 hidden neurons",
        "[optimizer]",
        "&quot;status&quot;: &quot;finished&quot;",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(
        page.matches("data:image/png;base64,").count(),
        3,
        "gallery, mistakes, neurons"
    );
    assert!(
        !page.contains("Keras"),
        "it is not the tutorial's experiment"
    );
    // Every test image is in the confusion matrix once.
    let cells = page.split(" style=\"--share:").skip(1);
    let count = |cell: &str| cell.split(['>', '<']).nth(1)?.parse::<usize>().ok();
    assert_eq!(cells.filter_map(count).sum::<usize>(), 150);

    // The same run gives the same page.
    let said = desk.ok(&["report", "last", "--out", "again.html", "--json"]);
    assert_eq!(said.json()[0]["report"], "again.html");
    assert_eq!(said.stderr, "");
    assert!(desk.text("again.html") == page);
}

#[test]
fn what_is_not_there_is_said_on_the_page() {
    let desk = Desk::new();
    tiny(&desk);
    train(&desk, "artifacts/tiny/a", &["model.hidden=[]"]);
    fs::remove_dir_all(desk.path("tiny")).unwrap();
    let said = desk.ok(&["report", "tiny/a"]);
    assert!(
        said.stderr.contains("warning: the page is incomplete: "),
        "{}",
        said.stderr
    );
    let page = desk.text("artifacts/tiny/a/report.html");
    check(&page);
    assert!(page.contains("The pictures are not shown: "));
    assert!(page.contains("Each class's weights"));
    assert_eq!(
        page.matches("data:image/png;base64,").count(),
        2,
        "gallery and neurons stay"
    );

    // Other images are not taken for those of the run.
    crate::fixtures::noise(&desk);
    let said = desk.run(&["report", "tiny/a", "--data-dir", "noise"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("are not those of the run"),
        "{}",
        said.stderr
    );

    // A run that was killed in its first epoch has a page too.
    for name in [
        "predictions.csv",
        "gallery.png",
        "metrics.jsonl",
        "config.toml",
    ] {
        fs::remove_file(desk.path("artifacts/tiny/a").join(name)).unwrap();
    }
    let path = desk.path("artifacts/tiny/a/manifest.json");
    let mut manifest = read_json(&path);
    manifest["status"] = "running".into();
    fs::write(&path, manifest.to_string()).unwrap();
    desk.ok(&["report", "tiny/a"]);
    let page = desk.text("artifacts/tiny/a/report.html");
    check(&page);
    assert!(page.contains("<dd>killed</dd>") && page.contains("no epoch was finished"));
    assert_eq!(page.matches(" not shown: ").count(), 6);
}

#[test]
fn names_from_files_are_text_on_the_page() {
    let desk = Desk::new();
    tiny(&desk);
    let folder = r#"artifacts/tiny/<b>"x'&y"#;
    train(&desk, folder, &[NASTY]);
    let path = desk.path(folder).join("manifest.json");
    let mut manifest = read_json(&path);
    for key in [
        "experiment",
        "run",
        "backend",
        "processor",
        "version",
        "error",
        "git_commit",
    ] {
        manifest[key] = r#"</title></pre><script src="//x">alert(3)</script><i a='"#.into();
    }
    fs::write(&path, manifest.to_string()).unwrap();
    let config = desk.path(folder).join("config.toml");
    let text = fs::read_to_string(&config).unwrap() + "# </pre></style><script>alert(4)</script>\n";
    fs::write(&config, text).unwrap();
    desk.ok(&["report", folder, "--out", "one.html"]);
    desk.ok(&["report", folder, folder, "--out", "two.html"]);
    for page in ["one.html", "two.html"] {
        let page = desk.text(page);
        check(&page);
        assert!(page.contains("&lt;script&gt;alert('1')&lt;/script&gt;"));
        assert!(page.contains("&quot;&gt;&lt;img src=x onerror=alert(2)&gt;"));
        assert!(page.contains("&amp;amp;"));
        assert!(page.contains("&lt;b&gt;&quot;x'&amp;y"));
    }
}

#[test]
fn several_runs_are_compared_on_one_page() {
    let desk = Desk::new();
    tiny(&desk);
    train(&desk, "artifacts/tiny/a", &[]);
    train(&desk, "artifacts/tiny/b", &["model.hidden=[3]", "seed=7"]);
    let said = desk.ok(&["report", "tiny/a", "tiny/b"]);
    assert_eq!(said.stdout, "report.html\n");
    let page = desk.text("report.html");
    check(&page);
    for words in [
        "tiny/a",
        "model.hidden",
        "A training",
        "B validation",
        "A and B",
        "test accuracy",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let said = desk.run(&["report", "tiny/a", "nosuch"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    let said = desk.run(&["report", "artifacts/tiny/a/model.bpk"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("is a file, not a run"),
        "{}",
        said.stderr
    );
}

/// The shared run has one epoch; with the ten of the tutorial in its config it counts as the tutorial's.
#[test]
fn keras_stands_beside_the_tutorial_alone() {
    let desk = Desk::new();
    crate::fixtures::copy_of_quick(&desk.path("run"));
    let page = || {
        desk.ok(&["report", "run"]);
        desk.text("run/report.html")
    };
    assert!(!page().contains("Keras"));
    let config = desk.text("run/config.toml");
    assert!(config.contains("epochs = 1\n"));
    let tutorial = config.replace("epochs = 1\n", "epochs = 10\n");
    fs::write(desk.path("run/config.toml"), &tutorial).unwrap();
    let text = page();
    check(&text);
    assert!(text.contains("Keras 0.8818 ± 0.0030") && text.contains("Keras 0.3403 ± 0.0083"));
    fs::write(
        desk.path("run/config.toml"),
        tutorial.replace("seed = 42", "seed = 7"),
    )
    .unwrap();
    assert!(page().contains("Keras 0.8818"), "any seed");
    let other = tutorial.replace("batch_size = 32", "batch_size = 64");
    fs::write(desk.path("run/config.toml"), other).unwrap();
    assert!(!page().contains("Keras"));
}

#[test]
fn the_picture_of_two_lines() {
    let line = |name: &str, color, losses: [f64; 4]| Line {
        name: name.to_string(),
        color,
        dashed: color > 0,
        points: (1..).map(f64::from).zip(losses).collect(),
    };
    let chart = Chart {
        title: "Loss after each epoch".to_string(),
        x: "epoch".to_string(),
        y: "loss".to_string(),
        lines: vec![
            line("training", 0, [0.4912, 0.3722, 0.3364, 0.3129]),
            line("validation", 1, [0.4301, 0.3899, 0.3608, 0.3651]),
        ],
        mark: Some((3.0, "best epoch 3".to_string())),
    };
    let elements = chart::svg(&chart).into_string().replace("><", ">\n<");
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("chart", elements));
}

#[test]
fn a_browser_shows_the_page_without_a_complaint_or_a_request() {
    let desk = Desk::new();
    // The browser is able to complain and to ask.
    let broken =
        "<img src=\"http://nowhere.invalid/x.png\"><script>console.error('heard')</script>";
    desk.write("broken.html", broken);
    let visited = visit(&desk, &desk.path("broken.html"));
    assert!(
        visited.console.iter().any(|line| line.contains("heard")),
        "{:?}",
        visited.console
    );
    let is_request = |line: &String| line.starts_with("GET http://nowhere.invalid/x.png");
    assert!(
        visited.requests.iter().any(is_request),
        "{:?}",
        visited.requests
    );

    desk.ok(&["report", arg(&quick().folder), "--out", "report.html"]);
    let visited = visit(&desk, &desk.path("report.html"));
    assert_eq!(visited.console, [""; 0]);
    assert_eq!(visited.requests, [""; 0]);
    // As the browser understood it: the sections, and nothing that runs.
    let dom = &visited.dom;
    for id in [
        "result",
        "curves",
        "classes",
        "confusion",
        "reliability",
        "gallery",
        "mistakes",
        "neurons",
    ] {
        assert!(dom.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(!dom.contains("<script"));
    assert_eq!(visited.picture.dimensions(), (1000, 1400));
    let colors: HashSet<[u8; 3]> = visited.picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colors.len() > 100, "{} colours", colors.len());
}

#[test]
fn a_sweep_and_a_range_test_have_pages_of_their_own() {
    let desk = Desk::new();
    tiny(&desk);
    let sweep = "name = \"s\"\n[data]\nname = \"tiny\"\ndir = \"tiny\"\nvalidation = 60\n[training]\nepochs = 3\n\
                 [sweep]\nseeds = 2\n[sweep.grid]\nmodel.hidden = [[3], [16]]\noptimizer.name = [\"adam\", \"sgd\"]\n";
    desk.write("s.toml", sweep);
    let found = desk
        .ok(&["sweep", "s.toml", "--json"])
        .json()
        .pop()
        .unwrap();
    let said = desk.ok(&["report", "s"]);
    assert_eq!(said.stdout, "artifacts/s/report.html\n");
    let page = desk.text("artifacts/s/report.html");
    check(&page);
    let best = format!(
        "best on the validation images: setting {}, hidden=",
        found["best"]
    );
    let mean = found["settings"][0]["spread"]["mean"].as_f64().unwrap();
    for words in [
        best,
        format!("{mean:.4} ± "),
        "the test images were used once".into(),
        "seed 43: ".into(),
        "optimizer.name=&quot;sgd&quot;".into(),
    ] {
        assert!(page.contains(&words), "{words}");
    }
    assert_eq!(page.matches("<circle class=\"training\"").count(), 8);
    let visited = visit(&desk, &desk.path("artifacts/s/report.html"));
    assert_eq!(
        (&visited.console[..], &visited.requests[..]),
        (&[][..], &[][..])
    );

    // One that was not finished has a page, too; a damaged one is said to be.
    desk.write(
        "t.toml",
        sweep
            .replace("\"s\"", "\"t\"")
            .replace("[[3], [16]]", "[[3]]"),
    );
    let stopped = desk.run(&["sweep", "t.toml", "--set", "optimizer.learning_rate=1e30"]);
    assert_eq!(stopped.code, 1, "{}", stopped.stderr);
    desk.ok(&["report", "artifacts/t"]);
    check(&desk.text("artifacts/t/report.html"));
    for damaged in ["", "{}", "[]", "{\"status\":\"finished\"}"] {
        desk.write("artifacts/t/sweep.json", damaged);
        let said = desk.run(&["report", "t"]);
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{damaged}");
        assert!(
            said.stderr.contains("sweep.json is damaged"),
            "{}",
            said.stderr
        );
    }

    let range = [
        "find-lr",
        "--data-dir",
        "tiny",
        "--set",
        "data.name=tiny",
        "--out",
        "range.html",
    ];
    let said = desk.ok(&range);
    assert!(
        said.stderr.contains("plot    range.html"),
        "{}",
        said.stderr
    );
    let page = desk.text("range.html");
    check(&page);
    assert_eq!(page.matches("<polyline").count(), 2);
    let visited = visit(&desk, &desk.path("range.html"));
    assert_eq!(
        (&visited.console[..], &visited.requests[..]),
        (&[][..], &[][..])
    );
}
