//! Keras: `.keras`, a zip of a description of the layers and an HDF5 file of their weights; `.h5`, an HDF5 file that
//! has both; `.weights.h5`, the weights alone. Those of Keras 2 and 3 are read, and `.keras` is written,
//! <https://keras.io/guides/serialization_and_saving/>.

mod read;
mod weights;
mod write;

pub use read::{read_hdf5, read_zip};
pub use write::write;

/// What errors call the format.
const FORMAT: &str = "Keras";
/// Files of a `.keras`.
pub const WEIGHTS: &str = "model.weights.h5";
const CONFIG: &str = "config.json";
const METADATA: &str = "metadata.json";
/// Key of this program's own object in the metadata, which Keras does not look at.
const CLASSIFIER: &str = crate::about::KEY;
/// log sigmoid(x), whose softmax is each sigmoid divided by the sum of all.
const LOG_SIGMOID: &str = "log_sigmoid";
/// What Keras adds to a variance where a file does not say it.
const EPSILON: f64 = 1e-3;
