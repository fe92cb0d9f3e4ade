//! `trainer backends`

use std::io::Write;

use experiment::Backend;
use serde_json::json;

use super::terminal::{self, Messages};
use crate::backend::{Compute, SOFTWARE, adapters};
use crate::cli::OutputArgs;
use crate::failure::Failure;

const LEFT_OUT: &str = "not in this build; cargo build -p trainer includes it";

/// Lists the backends of this build and the adapters of this machine.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(output: OutputArgs) -> Result<(), Failure> {
    let adapters = adapters();
    let has_gpu = adapters.iter().any(|adapter| adapter.kind != SOFTWARE);
    let auto = if has_gpu { "wgpu" } else { "flex" };
    let cpu = Compute::open(Backend::Flex)?.processor;
    let mut out = terminal::out();
    if output.json {
        let value = json!({
            "flex": { "available": true, "processor": cpu },
            "ndarray": { "available": cfg!(feature = "ndarray"), "processor": cpu },
            "wgpu": { "available": !adapters.is_empty(), "adapters": adapters },
            "auto": auto,
        });
        terminal::json(&value)?;
        return Ok(());
    }
    writeln!(out, "flex     {cpu}; the default")?;
    let ndarray = if cfg!(feature = "ndarray") {
        "CPU; deprecated by Burn, and much slower than flex"
    } else {
        LEFT_OUT
    };
    writeln!(out, "ndarray  {ndarray}")?;
    if adapters.is_empty() {
        let none = if cfg!(feature = "wgpu") {
            "no adapter; Debian's package mesa-vulkan-drivers provides a software one"
        } else {
            LEFT_OUT
        };
        writeln!(out, "wgpu     {none}")?;
    }
    for a in &adapters {
        let slow = if a.kind == SOFTWARE {
            ": correct, but slow"
        } else {
            ""
        };
        writeln!(
            out,
            "wgpu     {} ({}, {}, {}){slow}",
            a.name, a.api, a.kind, a.driver
        )?;
    }
    writeln!(out, "auto     is {auto} here")?;
    let messages = Messages {
        quiet: output.quiet,
    };
    messages.next("cargo run -p trainer -- --backend auto");
    Ok(())
}
