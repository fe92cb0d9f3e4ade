//! The files of a page.

use serve::{Limits, StaticFile};

use crate::client::{Connection, get};
use crate::start;

#[test]
fn files_are_served_from_memory_with_their_type_tag_and_policy() {
    let site = vec![
        StaticFile::new("index.html", "<p>hello"),
        StaticFile::new("scripts/draw.js", "1"),
        StaticFile::new("model.wasm", "\0asm"),
    ];
    let server = start(Limits::default(), site);
    for (path, content_type, body) in [
        ("/", "text/html; charset=utf-8", "<p>hello"),
        ("/site/index.html", "text/html; charset=utf-8", "<p>hello"),
        (
            "/site/scripts/draw.js",
            "text/javascript; charset=utf-8",
            "1",
        ),
        ("/site/model.wasm", "application/wasm", "\0asm"),
    ] {
        let answer = get(server.address(), path);
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, body.as_bytes()),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), Some(content_type));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("script-src 'self' 'wasm-unsafe-eval';"),
            "{policy}"
        );
        let tag = answer.header("etag").unwrap().to_string();
        let mut connection = Connection::new(server.address());
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".into(),
        ] {
            let answer =
                connection.request("GET", path, &format!("If-None-Match: {known}\r\n"), b"");
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        }
        let answer = connection.request("GET", path, "If-None-Match: \"x\"\r\n", b"");
        assert_eq!(answer.status, 200);
    }
    for path in [
        "/site/other",
        "/site/../index.html",
        "/site//etc/passwd",
        "/site/%2e%2e%2fx",
    ] {
        get(server.address(), path).problem(404);
    }
    let head = Connection::new(server.address()).request("OPTIONS", "/site/model.wasm", "", b"");
    assert_eq!(head.status, 405);
}

#[test]
fn without_a_page_there_is_a_hint() {
    let server = start(Limits::default(), Vec::new());
    let problem = get(server.address(), "/").problem(404);
    assert!(
        problem["hint"].as_str().unwrap().contains("/v1/predict"),
        "{problem}"
    );
}
