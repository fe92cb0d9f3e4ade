//! Numbers in a second file: read inside the graph's folder, and never outside.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::cases;
use exchange::Reading;

const DATA: &str = "A18-exported-by-default.onnx.data";

/// Returns what is said of the graph, whose numbers are in the file `name`, with `folder` beside it.
fn said(name: &str, folder: Option<&Path>) -> String {
    let bytes = fs::read(cases().join("A18-exported-by-default.onnx")).unwrap();
    assert_eq!(name.len(), DATA.len());
    let mut named = bytes.clone();
    for at in 0..bytes.len() - DATA.len() {
        if bytes.get(at..at + DATA.len()) == Some(DATA.as_bytes()) {
            named.splice(at..at + DATA.len(), name.bytes());
        }
    }
    let reading = Reading {
        folder,
        ..Reading::default()
    };
    match exchange::read(&named, &reading) {
        Ok(_) => "read".into(),
        Err(error) => format!("{error}; {}", error.hint()),
    }
}

/// Returns a fresh folder with an empty one in it.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("exchange-beside-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("inside")).unwrap();
    folder
}

#[test]
fn a_second_file_is_read_inside_the_folder_only() {
    let folder = folder();
    let inside = folder.join("inside");
    let numbers = fs::read(cases().join(DATA)).unwrap();
    // "../" and as many letters as the rest has
    let outside = format!("../{}", &DATA[3..]);
    fs::write(folder.join(&DATA[3..]), &numbers).unwrap();
    let absolute = format!("/{}", &DATA[1..]);
    for (name, folder, expect) in [
        (DATA, None, "is not at hand"),
        (DATA, Some(&*inside), "is not in the folder"),
        (&outside, Some(&*inside), "is outside of the folder"),
        (&absolute, Some(&*inside), "is outside of the folder"),
        (DATA, Some(&*cases()), "read"),
    ] {
        let said = said(name, folder);
        assert!(said.contains(expect), "{name} {folder:?}: {said}");
        assert!(
            expect == "read" || said.contains(name) && said.contains("one folder"),
            "{said}"
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.join(&DATA[3..]), inside.join(DATA)).unwrap();
        assert!(said(DATA, Some(&inside)).contains("is outside of the folder"));
        fs::remove_file(inside.join(DATA)).unwrap();
    }
    fs::write(inside.join(DATA), &numbers[..numbers.len() / 2]).unwrap();
    assert!(said(DATA, Some(&inside)).contains("is too short"));
    fs::write(inside.join(DATA), &numbers).unwrap();
    assert_eq!(said(DATA, Some(&inside)), "read");
    fs::remove_dir_all(folder).unwrap();
}
