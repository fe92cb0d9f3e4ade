//! A page in Chromium: what it complains of, asks of the network, looks like.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::program::{Desk, arg};

/// What a browser did with a page.
pub struct Visit {
    /// The document as it stood, or nothing.
    pub dom: String,
    /// Lines that the page caused on the console.
    pub console: Vec<String>,
    /// The first line of each request that the page made.
    pub requests: Vec<String>,
    /// What it looked like.
    pub picture: image::RgbImage,
}

/// Opens a page in Chromium. Whatever it asks of the network goes to a proxy that hangs up.
pub fn visit(desk: &Desk, page: &Path) -> Visit {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let requests = thread::spawn(move || requests(&proxy));
    let picture = desk.path("page.png");
    let output = Command::new("timeout")
        .args([
            "60",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--disable-extensions",
            "--disable-sync",
            "--disable-component-update",
        ])
        .args([
            "--disable-background-networking",
            "--hide-scrollbars",
            "--window-size=1000,1400",
        ])
        .args([
            "--enable-logging=stderr",
            "--virtual-time-budget=1000",
            "--dump-dom",
        ])
        .arg(format!("--proxy-server=http://{address}"))
        .arg(format!("--user-data-dir={}", arg(&desk.path("profile"))))
        .arg(format!("--screenshot={}", arg(&picture)))
        .arg(format!("file://{}", arg(page)))
        .env("HOME", desk.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && picture.is_file(),
        "this test needs Chromium (apt install chromium), which ended with {}\n{stderr}",
        output.status
    );
    TcpStream::connect(address)
        .unwrap()
        .write_all(END.as_bytes())
        .unwrap();
    Visit {
        dom: String::from_utf8(output.stdout).unwrap(),
        console: stderr
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(String::from)
            .collect(),
        requests: requests.join().unwrap(),
        picture: image::open(&picture).unwrap().into_rgb8(),
    }
}

/// Where Chromium goes by itself, whatever the page: for the time, updates, accounts.
const ITS_OWN: [&str; 4] = ["google.com", "googleapis.com", "gstatic.com", "gvt1.com"];

/// What ends the proxy.
const END: &str = "end\n";

/// Returns the first line of every request to `proxy` until it is told to end, but for Chromium's own.
fn requests(proxy: &TcpListener) -> Vec<String> {
    let lines = proxy.incoming().map(|stream| {
        let stream = stream.unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line); // some connect and say nothing
        line
    });
    let is_its_own =
        |line: &String| line.is_empty() || ITS_OWN.iter().any(|host| line.contains(host));
    lines
        .take_while(|line| line != END)
        .filter(|line| !is_its_own(line))
        .collect()
}
