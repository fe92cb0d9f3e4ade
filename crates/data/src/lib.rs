//! Fashion-MNIST, or any data set in IDX files, as batches for Burn: bytes -> images -> batches.
//!
//! 1. [`idx`] reads the files: a header, then one byte per pixel or label.
//! 2. [`fashion_mnist`] has the facts of the published data set: names, sizes, checksums.
//! 3. [`source`] finds the four files, verifies them, and downloads them if nothing else helps.
//! 4. [`dataset`] holds all pixels once, as bytes, and hands out views.
//! 5. `loader` turns them into `[batch, height, width]` tensors, in an order that depends on
//!    nothing but the seed and the epoch.
//!
//! Nothing here prints, reads arguments or knows a model. Without default features there is no Burn
//! (`loader`, `resident` and `item` are left out) and nothing that downloads.

#![forbid(unsafe_code)]

pub mod idx;

pub mod fashion_mnist;

mod folder;

pub mod download;

pub mod source;

pub mod dataset;

#[cfg(feature = "burn")]
mod item;

#[cfg(feature = "burn")]
pub mod loader;

#[cfg(feature = "burn")]
mod resident;

pub use dataset::{DataError, ImageDataset, permutation};
#[cfg(feature = "download")]
pub use download::download;
pub use download::{Download, DownloadError, MirrorError};
pub use folder::{FileInfo, FolderError};
pub use idx::{IdxError, Images};
#[cfg(feature = "burn")]
pub use item::LabelledImage;
#[cfg(feature = "burn")]
pub use loader::{Batch, Loader};
pub use source::{DataSet, Place, PlaceState, Request, SourceError, load, places};
