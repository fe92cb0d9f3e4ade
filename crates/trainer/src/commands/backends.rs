//! `trainer backends`

use std::io::{Write, stdout};

use serde_json::json;

use crate::backend::{SOFTWARE, adapters};
use crate::cli::OutputArgs;
use crate::failure::Failure;

/// Lists the backends this build has and the adapters of this machine.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(output: OutputArgs) -> Result<(), Failure> {
    let adapters = adapters();
    let has_gpu = adapters.iter().any(|adapter| adapter.kind != SOFTWARE);
    let auto = if has_gpu { "wgpu" } else { "flex" };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut out = stdout();
    if output.json {
        let value = json!({
            "flex": { "available": true, "threads": threads },
            "ndarray": { "available": true, "threads": threads },
            "wgpu": { "available": !adapters.is_empty(), "adapters": adapters },
            "auto": auto,
        });
        writeln!(out, "{value}")?;
        return Ok(());
    }
    writeln!(out, "flex     CPU, {threads} threads; the default")?;
    writeln!(
        out,
        "ndarray  CPU; deprecated by Burn, several times slower than flex"
    )?;
    if adapters.is_empty() {
        writeln!(
            out,
            "wgpu     no adapter; Debian's package mesa-vulkan-drivers has one in software"
        )?;
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
    Ok(())
}
