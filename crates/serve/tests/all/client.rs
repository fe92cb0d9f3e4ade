//! A client that sends exactly what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Checks that it is a problem document with this status, and returns it.
    pub fn problem(&self, status: u16) -> Value {
        let problem = self.json();
        assert_eq!(self.status, status, "{problem}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        problem
    }
}

/// A connection.
pub struct Connection(pub TcpStream);

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(stream)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Returns the next answer, `None` if the connection is closed before it.
    pub fn receive(&mut self) -> Option<Response> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("neither an answer nor the end of the connection")
                }
                _ => return None,
            }
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let mut response = Response {
            status: head[9..12].parse().unwrap(),
            head,
            body: Vec::new(),
        };
        let length = response
            .header("content-length")
            .map_or(0, |n| n.parse().unwrap());
        response.body = vec![0; length];
        self.0.read_exact(&mut response.body).ok()?;
        Some(response)
    }

    pub fn request(&mut self, method: &str, path: &str, head: &str, body: &[u8]) -> Response {
        let length = body.len();
        let all = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n{head}\r\n"
        );
        self.send(&[all.as_bytes(), body].concat());
        self.receive().expect("an answer")
    }
}

pub fn get(address: SocketAddr, path: &str) -> Response {
    Connection::new(address).request("GET", path, "", b"")
}

/// Sends a body of this type.
pub fn post(address: SocketAddr, path: &str, content_type: &str, body: &[u8]) -> Response {
    let head = format!("Content-Type: {content_type}\r\n");
    Connection::new(address).request("POST", path, &head, body)
}
