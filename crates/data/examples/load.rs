//! Loads the data set at a path and says how long it took: `cargo run -p data --example load -- FOLDER`.
//!
//! On Linux, VmHWM in /proc/self/status is the most memory that the process ever held.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use data::{Colours, Options, Request, load};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: load FOLDER")?;
    let options = Options {
        colours: Colours::Auto,
        ..Options::default()
    };
    let request = Request {
        dir: Some(Path::new(&path)),
        options,
        ..Request::new("mine")
    };
    let start = Instant::now();
    let set = load(&request, &mut |_| {})?;
    let [train, _, test] = set.counts(0);
    let (seconds, size) = (start.elapsed().as_secs_f64(), set.train.size());
    println!("{train} + {test} images of {size:?} in {seconds:.2} s");
    for left_out in set.understood.left_out.iter().take(3) {
        println!("left out: {}: {}", left_out.path.display(), left_out.reason);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{}", peak.unwrap_or("peak memory unknown"));
    Ok(())
}
