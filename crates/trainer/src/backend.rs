//! The device that tensors live on: the CPU (flex, ndarray) or a graphics adapter (wgpu), chosen at run time.

#[cfg(feature = "wgpu")]
mod gpu;

use burn::tensor::Device;
use data::ImageDataset;
use experiment::Backend;
use serde::Serialize;

use crate::failure::Failure;

pub use gpu::adapters;

/// A device that is open and can compute.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The backend in use, never `Auto`.
    pub backend: Backend,
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The processor behind it, in words: `CPU, 2 threads` or `NVIDIA ... (Vulkan)`.
    pub processor: String,
    /// Whether the graphics API runs on the CPU (llvmpipe, SwiftShader, WARP): correct, but slow.
    pub software: bool,
    /// Largest buffer of a device with memory of its own, in bytes; `None` for the CPU.
    largest_buffer: Option<u64>,
}

/// One graphics adapter of this machine.
#[derive(Debug, Clone, Serialize)]
pub struct Adapter {
    /// Name given by the driver.
    pub name: String,
    /// Graphics API it was found through.
    pub api: String,
    /// Discrete, integrated, virtual, software or other.
    pub kind: &'static str,
    /// Driver name and version.
    pub driver: String,
}

impl Compute {
    /// Opens `backend` and returns its device. No other backend is initialised.
    ///
    /// # Errors
    /// When this build lacks the backend, or `wgpu` is requested and no adapter can be opened (exit code 2).
    pub fn open(backend: Backend) -> Result<Self, Failure> {
        match backend {
            Backend::Flex => Ok(Self::cpu(backend, Device::flex())),
            Backend::Ndarray => ndarray(),
            Backend::Wgpu => gpu::open(),
            Backend::Auto if adapters().iter().any(|a| a.kind != SOFTWARE) => {
                gpu::open().or_else(|_| Self::open(Backend::Flex))
            }
            Backend::Auto => Self::open(Backend::Flex),
        }
    }

    /// Returns whether to keep `images` on the device: it has memory of its own, and one buffer can hold them
    /// all, at one byte per value.
    pub fn keeps(&self, images: &ImageDataset) -> bool {
        let bytes = images.len() as u64 * images.values() as u64;
        self.largest_buffer.is_some_and(|largest| bytes <= largest)
    }

    fn cpu(backend: Backend, device: Device) -> Self {
        let threads = threads();
        let processor = format!(
            "CPU, {threads} thread{}",
            if threads == 1 { "" } else { "s" }
        );
        Self {
            backend,
            device,
            processor,
            software: false,
            largest_buffer: None,
        }
    }
}

// Deprecated in Burn 0.22 and gone in 0.23; kept while the pinned release has it.
#[cfg(feature = "ndarray")]
#[allow(deprecated)]
fn ndarray() -> Result<Compute, Failure> {
    Ok(Compute::cpu(Backend::Ndarray, Device::ndarray()))
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<Compute, Failure> {
    Err(Failure::left_out("backend ndarray", "ndarray"))
}

/// A build without wgpu: there is no adapter, and none can be opened.
#[cfg(not(feature = "wgpu"))]
mod gpu {
    use super::{Adapter, Compute, Failure};

    /// Returns no adapter.
    pub fn adapters() -> Vec<Adapter> {
        Vec::new()
    }

    pub fn open() -> Result<Compute, Failure> {
        Err(Failure::left_out("backend wgpu", "wgpu"))
    }
}

/// Returns how many threads the CPU backends use: `RAYON_NUM_THREADS`, or one per core.
pub fn threads() -> usize {
    let wanted = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    wanted.filter(|&n| n > 0).unwrap_or_else(cores)
}

/// The kind of an adapter that is not hardware.
pub const SOFTWARE: &str = "software";
