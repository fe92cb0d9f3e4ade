//! What is refused: each with its status, and with the cause and hint of the command line.

use image::ImageFormat;
use serde_json::json;
use serve::Limits;

use crate::answers::{encoded, photograph};
use crate::client::{Connection, get, post};
use crate::start;

#[test]
fn wrong_requests_say_what_is_wrong() {
    let server = start(Limits::default(), Vec::new());
    let check = |content_type: &str, body: &[u8], status: u16, detail: &str, hint: &str| {
        let answer = post(server.address(), "/v1/predict", content_type, body);
        let problem = answer.problem(status);
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{problem}"
        );
        assert!(
            problem["hint"].as_str().unwrap_or_default().contains(hint),
            "{problem}"
        );
    };
    let (json, raw, png) = ("application/json", "application/octet-stream", "image/png");
    check(
        raw,
        &[0; 47],
        422,
        "47 pixels",
        "an image has 48 pixels: 1 x 6 x 8",
    );
    check(raw, b"", 422, "0 pixels", "48");
    check(
        raw,
        &[0; 48 * 1025],
        413,
        "more than 1024 pictures",
        "several requests",
    );
    check(
        json,
        b"{\"pixels\": [1, 256]}",
        400,
        "256 is no pixel",
        "whole numbers",
    );
    check(json, b"{\"pixels\": [0.5]}", 400, "0.5 is no pixel", "");
    check(json, b"{\"pixels\": [-1]}", 400, "", "whole numbers");
    check(
        json,
        b"{\"pixels\": \"x\"}",
        400,
        "a list of whole numbers",
        "",
    );
    check(json, b"{\"pixel\": [0]}", 400, "unknown field", "");
    check(json, b"{", 400, "EOF", "");
    check(
        json,
        format!("{{\"pixels\": {}", "[".repeat(100_000)).as_bytes(),
        400,
        "recursion",
        "",
    );
    check("text/plain", b"x", 415, "\"text/plain\"", "image/png");
    check(
        "application/x-www-form-urlencoded",
        b"x",
        415,
        "",
        "application/octet-stream",
    );
    check("multipart/form-data", b"x", 400, "multipart", "");
    check(
        png,
        b"hello",
        415,
        "picture: is not a PNG",
        "save it as PNG or JPEG",
    );
    check(png, b"", 415, "is not a PNG", "");
    let cut = &encoded(&photograph(40, 30), ImageFormat::Jpeg)[..300];
    check(
        "image/jpeg",
        cut,
        422,
        "is cut off after 300 bytes",
        "image editor",
    );
    let blank = encoded(&image::RgbImage::new(30, 30).into(), ImageFormat::Png);
    check(png, &blank, 422, "is blank", "plain background");
    let heic = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../pictures/tests/fixtures/A15-heic-00-ankle-boot.heic"
    ));
    check(png, &heic.unwrap(), 415, "HEIC", "share it as JPEG");
}

#[test]
fn other_paths_methods_and_queries() {
    let server = start(Limits::default(), Vec::new());
    get(server.address(), "/v1/other").problem(404);
    get(server.address(), "/site/../../etc/passwd").problem(404);
    get(server.address(), "/v1/predict").problem(405);
    get(server.address(), "/v1/model?model=a&model=b").problem(400);
    let mut connection = Connection::new(server.address());
    let answer = connection.request("POST", "/v1/predict", "Content-Encoding: gzip\r\n", b"x");
    answer.problem(415);
    let answer = connection.request("POST", "/v1/predict", "", b"x");
    assert!(
        answer.problem(415)["detail"]
            .as_str()
            .unwrap()
            .contains("no Content-Type")
    );
}

#[test]
fn bodies_that_are_too_large_by_their_head_or_in_fact() {
    let limits = Limits {
        body: 1 << 20,
        ..Limits::default()
    };
    let server = start(limits, Vec::new());
    let head = "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n";
    // A body of a gigabyte is refused by its head alone.
    let mut connection = Connection::new(server.address());
    connection.send(format!("{head}Content-Length: 1073741824\r\n\r\n").as_bytes());
    let problem = connection.receive().unwrap().problem(413);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("more than 1 MiB")
    );
    assert!(connection.receive().is_none(), "the connection is closed");
    // In pieces, it is read as far as the limit.
    let mut connection = Connection::new(server.address());
    connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    let piece = [b"10000\r\n".as_slice(), &[7; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        connection.send(&piece);
    }
    connection.receive().unwrap().problem(413);
    // The next client is answered.
    assert_eq!(get(server.address(), "/healthz").status, 200);
}

#[test]
fn memory_for_bodies_is_shared() {
    let limits = Limits {
        bodies: 1 << 20,
        ..Limits::default()
    };
    let server = start(limits, Vec::new());
    let head = "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n\
        Content-Length: 1000000\r\n\r\n";
    let mut first = Connection::new(server.address());
    first.send(&[head.as_bytes(), &[0; 900_000]].concat());
    // Until it is there, more or less of it may have been read.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut second = Connection::new(server.address());
    second.send(&[head.as_bytes(), &[0; 900_000]].concat());
    let answer = second.receive().unwrap();
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop((first, second));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let body = vec![0; 48 * 1000];
    let answer = post(
        server.address(),
        "/v1/predict",
        "application/octet-stream",
        &body,
    );
    assert_eq!(answer.status, 200, "the memory is free again");
}

#[test]
fn too_many_pictures_in_a_multipart() {
    let limits = Limits {
        pictures: 2,
        ..Limits::default()
    };
    let server = start(limits, Vec::new());
    let png = encoded(&photograph(8, 6), ImageFormat::Png);
    let part = [
        b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n".as_slice(),
        &png,
        b"\r\n",
    ]
    .concat();
    for (count, status) in [(2, 200), (3, 413)] {
        let body = [part.repeat(count), b"--B--\r\n".to_vec()].concat();
        let content_type = "multipart/form-data; boundary=B";
        let answer = post(server.address(), "/v1/predict", content_type, &body);
        assert_eq!(answer.status, status, "{}", answer.json());
    }
}

#[test]
fn every_answer_has_its_policy_and_no_other_origin_is_let_in_unless_told() {
    let server = start(Limits::default(), Vec::new());
    for path in ["/healthz", "/v1/model", "/nothing", "/metrics"] {
        let answer = get(server.address(), path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let server = crate::start_with(Limits::default(), Vec::new(), Some("https://example.org"));
    let mut connection = Connection::new(server.address());
    let ask = "Origin: https://example.org\r\nAccess-Control-Request-Method: POST\r\n\
        Access-Control-Request-Headers: content-type\r\n";
    let answer = connection.request("OPTIONS", "/v1/predict", ask, b"");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://example.org")
    );
    let body = json!({ "pixels": [0] }).to_string();
    let head = "Origin: https://example.org\r\nContent-Type: application/json\r\n";
    let answer = connection.request("POST", "/v1/predict", head, body.as_bytes());
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://example.org")
    );
}
