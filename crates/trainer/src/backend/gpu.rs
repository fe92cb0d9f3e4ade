//! Graphics adapters, through wgpu: listing and opening them.

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuBackend, wgpu};

use experiment::Backend;

use super::{Adapter, Compute, SOFTWARE};
use crate::failure::Failure;

/// On Linux the API is pinned: looking for OpenGL as well makes Mesa print errors on stderr.
const API: WgpuBackend = if cfg!(target_os = "linux") {
    WgpuBackend::Vulkan
} else {
    WgpuBackend::Auto
};

/// Opens the adapter that wgpu prefers and returns its device.
///
/// # Errors
/// When no adapter can be used (exit code 2).
pub fn open() -> Result<Compute, Failure> {
    // `Device::wgpu(..)` would panic at its first use on a machine without an adapter.
    let options = Device::wgpu_options().graphics_api(API);
    let (device, setup) = options.init_with_setup().map_err(no_adapter)?;
    let adapter = describe(&setup.adapter.get_info());
    Ok(Compute {
        backend: Backend::Wgpu,
        device,
        software: adapter.kind == SOFTWARE,
        largest_buffer: Some(setup.device.limits().max_storage_buffer_binding_size),
        processor: format!("{} ({}, {})", adapter.name, adapter.api, adapter.kind),
    })
}

/// Returns every graphics adapter of this machine that can compute.
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
