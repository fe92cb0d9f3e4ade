//! Facts of the published data set, by Zalando Research:
//! <https://github.com/zalandoresearch/fashion-mnist>.
//!
//! The checksums are those of the uncompressed files. Upstream publishes the MD5 of its `.gz` files
//! only, and two copies that were compressed by different programs differ there.

/// The name under which a data set must be these four files, byte by byte.
pub const NAME: &str = "fashion-mnist";

/// Height of the images, in pixels. Nothing is read by it: an IDX file names its own size.
pub const HEIGHT: usize = 28;

/// Width of the images, in pixels.
pub const WIDTH: usize = 28;

/// What the labels 0 to 9 mean, in upstream's words and order.
pub const CLASS_NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// A published file, as it is after decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedFile {
    /// File name without `.gz`.
    pub name: &'static str,
    /// Size in bytes, header included.
    pub bytes: u64,
    /// SHA-256, in lower-case hex.
    pub sha256: &'static str,
}

/// The four files: training images, training labels, test images, test labels.
pub const FILES: [PinnedFile; 4] = [
    PinnedFile {
        name: "train-images-idx3-ubyte",
        bytes: 47_040_016,
        sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    },
    PinnedFile {
        name: "train-labels-idx1-ubyte",
        bytes: 60_008,
        sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    },
    PinnedFile {
        name: "t10k-images-idx3-ubyte",
        bytes: 7_840_016,
        sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    },
    PinnedFile {
        name: "t10k-labels-idx1-ubyte",
        bytes: 10_008,
        sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
];

/// Where upstream publishes the files; append the file name and `.gz`. The first is the copy in its
/// repository, the second the one its README links to.
pub const ADDRESSES: [&str; 2] = [
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];

/// The package of Debian and Ubuntu that has the files, compressed.
pub const DEBIAN_PACKAGE: &str = "dataset-fashion-mnist";

/// The folder into which [`DEBIAN_PACKAGE`] puts them.
pub const DEBIAN_FOLDER: &str = "/usr/share/datasets/fashion-mnist";

/// Returns [`ADDRESSES`] as [`crate::Request::mirrors`] wants them.
pub fn addresses() -> Vec<String> {
    ADDRESSES.map(String::from).to_vec()
}
