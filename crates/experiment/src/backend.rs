//! The names of backends and engines, whether or not this machine has them.

use std::fmt;

use serde::Serialize;

/// The backend that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Burn's own CPU backend.
    Flex,
    /// Burn on the `ndarray` crate.
    Ndarray,
    /// A GPU, through Vulkan, Metal or DirectX 12.
    Wgpu,
    /// A GPU if there is one, else the CPU.
    Auto,
}

impl Backend {
    /// Every backend with its name in configs and on the command line.
    pub const ALL: [(&'static str, Self); 4] = [
        ("flex", Self::Flex),
        ("ndarray", Self::Ndarray),
        ("wgpu", Self::Wgpu),
        ("auto", Self::Auto),
    ];
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Auto => "auto",
        })
    }
}

/// The engine that trains. Both train on the same batches with the same formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// The kernel if it supports the experiment, else Burn.
    Auto,
    /// The fused kernel, on the backend flex.
    Kernel,
    /// Burn's `Learner`, step by step, on any backend.
    Burn,
}

impl EngineChoice {
    /// Every choice with its name in configs and on the command line.
    pub const ALL: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("kernel", Self::Kernel),
        ("burn", Self::Burn),
    ];
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Kernel => "kernel",
            Self::Burn => "burn",
        })
    }
}
