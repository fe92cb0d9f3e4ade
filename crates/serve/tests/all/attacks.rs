//! Clients that mean harm: each is refused or closed, and the service answers on.

use std::time::{Duration, Instant};

use image::ImageFormat;
use serve::{Limits, Server};

use crate::answers::{encoded, photograph};
use crate::client::{Connection, get, post};
use crate::start;

fn impatient() -> Limits {
    Limits {
        connections: 32,
        head: Duration::from_millis(500),
        body_pause: Duration::from_millis(500),
        body_time: Duration::from_secs(1),
        ..Limits::default()
    }
}

fn answers(server: &Server) {
    let body = [9; 48];
    let answer = post(
        server.address(),
        "/v1/predict",
        "application/octet-stream",
        &body,
    );
    assert_eq!(answer.status, 200);
}

#[test]
fn a_head_that_never_ends_is_closed() {
    let server = start(impatient(), Vec::new());
    let begin = Instant::now();
    let mut connection = Connection::new(server.address());
    connection.send(b"GET /healthz HTTP/1.1\r\n");
    for i in 0..6 {
        std::thread::sleep(Duration::from_millis(100));
        // A little more each time does not prolong it; a closed connection refuses it.
        let _ = std::io::Write::write_all(&mut connection.0, format!("X-{i}: y\r\n").as_bytes());
    }
    assert!(
        connection
            .receive()
            .is_none_or(|answer| answer.status == 408)
    );
    assert!(begin.elapsed() < Duration::from_secs(3));
    // One that sends nothing at all is closed as well.
    assert!(Connection::new(server.address()).receive().is_none());
    answers(&server);
}

#[test]
fn a_body_that_stops_or_trickles_is_refused() {
    let server = start(impatient(), Vec::new());
    let head =
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n\
        Content-Length: 48\r\n\r\n";
    let mut stopped = Connection::new(server.address());
    stopped.send(&[head.as_slice(), b"123"].concat());
    let problem = stopped.receive().unwrap().problem(408);
    assert_eq!(problem["detail"], "the body stopped after 3 bytes");
    let mut trickling = Connection::new(server.address());
    trickling.send(head);
    let begin = Instant::now();
    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(100));
        let _ = std::io::Write::write_all(&mut trickling.0, b"1");
    }
    trickling.receive().unwrap().problem(408);
    assert!(begin.elapsed() < Duration::from_secs(4));
    answers(&server);
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let limits = Limits {
        connections: 128,
        ..Limits::default() // heads have ten seconds: it is not the time-out that helps
    };
    let server = start(limits, Vec::new());
    let begin = Instant::now();
    let mut idle = Vec::new();
    for i in 0..1000 {
        idle.push(Connection::new(server.address()));
        if i % 100 == 50 {
            answers(&server);
        }
    }
    answers(&server);
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    std::thread::sleep(Duration::from_millis(300)); // what was closed has left
    let metrics = String::from_utf8(get(server.address(), "/metrics").body).unwrap();
    let open = metrics
        .lines()
        .find_map(|line| line.strip_prefix("trainer_serve_connections "));
    assert!(open.unwrap().parse::<usize>().unwrap() <= 128, "{metrics}");
}

#[test]
fn heads_that_are_no_http() {
    let server = start(impatient(), Vec::new());
    for head in [
        b"GET /healthz HTTP/1.1\r\nHost: \xff\xfe\x00\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xff HTTP/1.1\r\n\r\n",
        &[b'a'; 100_000],
    ] {
        let mut connection = Connection::new(server.address());
        let _ = std::io::Write::write_all(&mut connection.0, head);
        let status = connection.receive().map(|answer| answer.status);
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{status:?}"
        );
    }
    // A header that is no UTF-8 is a header all the same.
    let mut connection = Connection::new(server.address());
    connection.send(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/\xff\r\nContent-Length: 0\r\n\r\n");
    connection.receive().unwrap().problem(415);
    answers(&server);
}

#[test]
fn malformed_multiparts() {
    let server = start(impatient(), Vec::new());
    let part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    for body in [
        String::new(),
        "--B".to_string(),
        "--B--\r\n".to_string(),
        "--C\r\n\r\n--C--".to_string(),
        part.to_string(),
        format!("{part}hello"),
        format!("{part}hello\r\n--B"),
        format!("--B\r\n{}\r\n\r\nx\r\n--B--\r\n", "X: y\r\n".repeat(1000)),
        "--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n".to_string(),
        "--B\r\n\u{0}\u{1}\r\n\r\nx\r\n--B--".to_string(),
        part.repeat(5000),
    ] {
        let content_type = "multipart/form-data; boundary=B";
        let answer = post(
            server.address(),
            "/v1/predict",
            content_type,
            body.as_bytes(),
        );
        let status = answer.status;
        assert!(
            (400..500).contains(&status),
            "{status} {:.40}",
            body.escape_debug().to_string()
        );
        answer.problem(status);
    }
    answers(&server);
}

/// Each byte of a small picture changed, each length cut: ten thousand requests.
#[test]
fn damaged_pictures() {
    let server = start(impatient(), Vec::new());
    let mut connection = Connection::new(server.address());
    let mut ask = |file: &[u8]| {
        let head = "Content-Type: image/png\r\n";
        let answer = connection.request("POST", "/v1/predict", head, file);
        assert!(
            matches!(answer.status, 200 | 413 | 415 | 422),
            "{}",
            answer.json()
        );
    };
    let mut sent = 0;
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        let good = encoded(&photograph(24, 20), format);
        for (at, step) in (0..good.len()).flat_map(|at| [(at, 1), (at, 0x80), (at, 0xff)]) {
            let mut bad = good.clone();
            bad[at] ^= step;
            ask(&bad);
            sent += 1;
        }
        for length in 0..good.len() {
            ask(&good[..length]);
            sent += 1;
        }
    }
    assert!(sent > 3000, "{sent}");
    answers(&server);
}

#[test]
fn a_picture_that_claims_two_billion_pixels() {
    let server = start(impatient(), Vec::new());
    let mut png = encoded(&photograph(24, 20), ImageFormat::Png);
    for (width, height) in [
        (1u32 << 16, 1u32 << 15),
        (16_000, 16_000),
        (u32::MAX, 1),
        (0, 0),
    ] {
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = checksum(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let answer = post(server.address(), "/v1/predict", "image/png", &png);
        assert!((413..=422).contains(&answer.status), "{}", answer.json());
    }
    answers(&server);
}

/// Returns the checksum of a PNG's chunk (CRC-32).
fn checksum(bytes: &[u8]) -> u32 {
    let mut all = u32::MAX;
    for byte in bytes {
        all ^= u32::from(*byte);
        for _ in 0..8 {
            all = (all >> 1) ^ (0xedb8_8320 & (all & 1).wrapping_neg());
        }
    }
    !all
}
