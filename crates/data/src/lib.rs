//! Fashion-MNIST, or any data set in IDX files, pictures, CSV, .npz or Parquet, as batches for Burn: bytes ->
//! images -> batches.
//!
//! 1. [`idx`] reads the files: a header, then one byte per pixel or label.
//! 2. [`fashion_mnist`] describes the published data set: names, sizes, checksums.
//! 3. [`source`] finds the four files, verifies them, and downloads them as a last resort; [`sources`] reads other
//!    kinds of data, and `import` writes any of them as IDX files, once.
//! 4. [`dataset`] holds all pixels once, as bytes, and provides views.
//! 5. [`audit`] looks for what may be wrong with the images and labels.
//! 6. [`batches`] determines which images form a batch, and how each is changed: a function only of
//!    the seed, the epoch and the image.
//! 7. `loader` turns batches into `[batch, channels, height, width]` tensors.
//!
//! Nothing here prints, reads arguments or depends on a model. Without default features there is no Burn
//! (`loader`, `resident` and `item` are left out) and no download.

#![forbid(unsafe_code)]

mod printable;
pub mod idx;
pub mod fashion_mnist;
mod folder;
mod portable;
pub mod download;
pub mod source;
pub mod sources;
mod import;
pub mod audit;
pub mod samples;
pub mod dataset;
mod augmentation;
pub mod batches;
#[cfg(feature = "burn")]
mod item;
#[cfg(feature = "burn")]
pub mod loader;
#[cfg(feature = "burn")]
mod resident;

pub use augmentation::{Augmentation, MAX_SHIFT};
pub use batches::{Batches, Epoch};
pub use dataset::{DataError, ImageDataset, Origin, Selection, permutation};
#[cfg(feature = "download")]
pub use download::download;
pub use download::{Download, DownloadError, MirrorError};
pub use folder::{FileInfo, FolderError};
pub use idx::{IdxError, Images};
pub use import::{ImportError, check_import, import};
#[cfg(feature = "burn")]
pub use item::LabelledImage;
#[cfg(feature = "burn")]
pub use loader::{Batch, Loader};
pub use portable::name_problem;
pub use printable::{excerpt, printable, visible};
pub use source::{DataSet, Place, PlaceState, Request, SourceError, load, places};
pub use sources::{
    ClassCount, Colours, LeftOut, Options, Progress, SourceKind, Understood, own_name,
};
