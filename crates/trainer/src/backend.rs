//! Where tensors live: the CPU (flex, ndarray) or a graphics adapter (wgpu), chosen at run time.

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuBackend, wgpu};
use data::ImageDataset;
use experiment::Backend;
use serde::Serialize;

use crate::failure::Failure;

/// A device that is open and can compute.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The backend in use, never `Auto`.
    pub backend: Backend,
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The processor behind it, in words: `CPU, 2 threads` or `NVIDIA ... (Vulkan)`.
    pub processor: String,
    /// A graphics API computed on the CPU (llvmpipe, SwiftShader, WARP): correct, and slow.
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
    /// Opens `backend`. Nothing of a backend that was not asked for is touched.
    ///
    /// # Errors
    /// When `wgpu` is asked for and no adapter can be opened (exit code 2).
    pub fn open(backend: Backend) -> Result<Self, Failure> {
        match backend {
            Backend::Flex => Ok(Self::cpu(backend, Device::flex())),
            // Deprecated in Burn 0.22 and gone in 0.23; kept while the pinned release has it.
            #[allow(deprecated)]
            Backend::Ndarray => Ok(Self::cpu(backend, Device::ndarray())),
            Backend::Wgpu => Self::wgpu(),
            Backend::Auto if adapters().iter().any(|a| a.kind != SOFTWARE) => {
                Self::wgpu().or_else(|_| Self::open(Backend::Flex))
            }
            Backend::Auto => Self::open(Backend::Flex),
        }
    }

    /// Returns whether `images` are better kept on the device: it has memory of its own, and one of
    /// its buffers holds them all, a byte a pixel.
    pub fn keeps(&self, images: &ImageDataset) -> bool {
        let bytes = images.len() as u64 * (images.height() * images.width()) as u64;
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

    fn wgpu() -> Result<Self, Failure> {
        // `Device::wgpu(..)` would panic at its first use on a machine without an adapter.
        let options = Device::wgpu_options().graphics_api(API);
        let (device, setup) = options.init_with_setup().map_err(no_adapter)?;
        let adapter = describe(&setup.adapter.get_info());
        Ok(Self {
            backend: Backend::Wgpu,
            device,
            software: adapter.kind == SOFTWARE,
            largest_buffer: Some(setup.device.limits().max_storage_buffer_binding_size),
            processor: format!("{} ({}, {})", adapter.name, adapter.api, adapter.kind),
        })
    }
}

/// Returns how many threads the CPU backends use: `RAYON_NUM_THREADS`, or one a core.
pub fn threads() -> usize {
    let wanted = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    wanted.filter(|&n| n > 0).unwrap_or_else(cores)
}

/// On Linux the API is pinned: looking for OpenGL as well makes Mesa print errors on stderr.
const API: WgpuBackend = if cfg!(target_os = "linux") {
    WgpuBackend::Vulkan
} else {
    WgpuBackend::Auto
};

/// The kind of an adapter that is no hardware.
pub const SOFTWARE: &str = "software";

/// Returns every graphics adapter this machine has for compute.
pub fn adapters() -> Vec<Adapter> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    found
        .iter()
        .map(|adapter| describe(&adapter.get_info()))
        .collect()
}

fn describe(info: &wgpu::AdapterInfo) -> Adapter {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => SOFTWARE,
        wgpu::DeviceType::Other => "other",
    };
    Adapter {
        name: info.name.clone(),
        api: format!("{:?}", info.backend),
        kind,
        driver: format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_string(),
    }
}

fn no_adapter(error: impl std::fmt::Display) -> Failure {
    let found = adapters();
    let list = match found.len() {
        0 => "none".to_string(),
        _ => found
            .iter()
            .map(|a| a.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    };
    Failure::usage(format!(
        "wgpu found no adapter it can use: {error}\nadapters found: {list}"
    ))
    .hint(
        "use --backend flex (the CPU), or install a graphics driver; without a GPU, Debian's \
             package mesa-vulkan-drivers makes wgpu run in software",
    )
}
