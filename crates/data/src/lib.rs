//! Fashion-MNIST, or any data set in IDX files, pictures, CSV or .npz, as batches for Burn: bytes -> images ->
//! batches.
//!
//! 1. [`idx`] reads the files: a header, then one byte per pixel or label.
//! 2. [`fashion_mnist`] has the facts of the published data set: names, sizes, checksums.
//! 3. [`source`] finds the four files, verifies them, and downloads them if nothing else helps; [`sources`] reads
//!    whatever else a person has.
//! 4. [`dataset`] holds all pixels once, as bytes, and hands out views.
//! 5. [`batches`] says which images are trained on together, and how each is changed: a function of
//!    nothing but the seed, the epoch and the image.
//! 6. `loader` turns batches into `[batch, channels, height, width]` tensors.
//!
//! Nothing here prints, reads arguments or knows a model. Without default features there is no Burn
//! (`loader`, `resident` and `item` are left out) and nothing that downloads.

#![forbid(unsafe_code)]

pub mod idx;

pub mod fashion_mnist;

mod folder;

pub mod download;

pub mod source;

pub mod sources;

pub mod dataset;

pub mod batches;

#[cfg(feature = "burn")]
mod item;

#[cfg(feature = "burn")]
pub mod loader;

#[cfg(feature = "burn")]
mod resident;

pub use batches::{Augmentation, Batches, Epoch};
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
pub use sources::{ClassCount, Colours, LeftOut, Options, Understood};
