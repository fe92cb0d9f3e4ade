//! HDF5, as far as Keras's files need it: groups in groups, floats, and one text; written, floats alone.
//! <https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html>
//!
//! The format can link to other files, name the same numbers again and again, and declare any size. Here no
//! other file is opened, what is taken out is bounded as for every format, and so are groups.

use hdf5_reader::{
    Datatype, Hdf5File, OpenOptions, StringSize, VarLenKind, error::ByteOrder, group::Group,
};
use hdf5_writer::{DatasetBuilder, Hdf5Builder, WriteOptions};
use model::Tensor;

use crate::archive::{MOST_GROWTH, SMALL};
use crate::error::printable;
use crate::number::{Number, Room};
use crate::{ExchangeError, MAX_BYTES};

/// What errors call the format.
const FORMAT: &str = "HDF5";
/// How deep groups are followed, and how many groups and arrays there may be.
const DEEPEST: usize = 8;
const MOST_OBJECTS: usize = 2_000;
/// Longest description of an object, in bytes. Attributes have 64 KiB at most.
const MAX_HEADER: usize = 1 << 20;
/// Longest path of an array.
const MAX_PATH: usize = 512;
/// Groups that have no weights.
const OPTIMIZERS: [&str; 2] = ["optimizer_weights", "optimizer"];

/// What is in a file.
pub struct Content {
    /// Arrays of floats with their paths, in the order of the groups.
    pub tensors: Vec<Tensor>,
    /// Paths of the groups.
    pub groups: Vec<String>,
    /// Paths of other arrays.
    pub left_out: Vec<String>,
    /// The attribute `model_config` of the whole.
    pub config: Option<String>,
}

/// Returns what is in the bytes of a file; of one with the group `model_weights`, what is in that.
pub fn read(bytes: &[u8]) -> Result<Content, ExchangeError> {
    let length = bytes.len() as u64;
    let most = (MOST_GROWTH * length + SMALL).min(MAX_BYTES);
    let most_bytes = usize::try_from(most).unwrap_or(usize::MAX);
    let options = OpenOptions::default()
        .with_chunk_cache_bytes(0)
        .with_max_chunk_bytes(most_bytes)
        .with_max_read_bytes(most_bytes)
        .with_max_object_header_bytes(MAX_HEADER);
    let file = Hdf5File::from_bytes_with_options(bytes, options).map_err(damaged)?;
    let root = file.root_group().map_err(damaged)?;
    let mut walk = Walk {
        room: Room::of(most),
        objects: 0,
        content: Content {
            tensors: Vec::new(),
            groups: Vec::new(),
            left_out: Vec::new(),
            config: config(&root)?,
        },
    };
    let (groups, _) = root.member_names().map_err(damaged)?;
    if groups.iter().any(|name| name == "model_weights") {
        let weights = root.group("model_weights").map_err(damaged)?;
        walk.group(&weights, "", 0)?;
    } else {
        walk.group(&root, "", 0)?;
    }
    Ok(walk.content)
}

/// Returns a file of `arrays`, each under its path, in groups as the path has them.
///
/// # Errors
/// When a path or a shape is none that can be stored.
pub fn write<'a>(
    arrays: impl IntoIterator<Item = (String, &'a Tensor)>,
) -> Result<Vec<u8>, ExchangeError> {
    let failed = |e| ExchangeError::damaged(FORMAT, e);
    let mut file = Hdf5Builder::new();
    for (path, tensor) in arrays {
        let shape: Vec<u64> = tensor.shape.iter().map(|&size| size as u64).collect();
        file =
            file.dataset(DatasetBuilder::typed_data(path, shape, &tensor.values).map_err(failed)?);
    }
    let plan = file.into_plan().map_err(failed)?;
    plan.encode(WriteOptions::default()).map_err(failed)
}

fn damaged(error: hdf5_reader::error::Error) -> ExchangeError {
    ExchangeError::damaged(FORMAT, error)
}

struct Walk {
    room: Room,
    /// Number of groups and arrays so far.
    objects: usize,
    content: Content,
}

impl Walk {
    fn group(&mut self, group: &Group, path: &str, depth: usize) -> Result<(), ExchangeError> {
        if depth > DEEPEST {
            return Err(ExchangeError::damaged(FORMAT, "its groups are too deep"));
        }
        let (mut groups, mut arrays) = group.member_names().map_err(damaged)?;
        self.objects += groups.len() + arrays.len();
        if self.objects > MOST_OBJECTS {
            return Err(ExchangeError::damaged(FORMAT, "it has too many parts"));
        }
        groups.sort_by_cached_key(|name| crate::names::natural(name));
        arrays.sort_by_cached_key(|name| crate::names::natural(name));
        for name in arrays {
            let path = joined(path, &name)?;
            self.array(group, &name, path)?;
        }
        for name in groups {
            if !OPTIMIZERS.contains(&name.as_str()) {
                let inner = group.group(&name).map_err(damaged)?;
                let path = joined(path, &name)?;
                self.content.groups.push(path.clone());
                self.group(&inner, &path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn array(&mut self, group: &Group, name: &str, path: String) -> Result<(), ExchangeError> {
        let array = group.dataset(name).map_err(damaged)?;
        let &Datatype::FloatingPoint { size, byte_order } = array.dtype() else {
            self.content.left_out.push(path);
            return Ok(());
        };
        let number = match size {
            2 => Number::F16,
            4 => Number::F32,
            8 => Number::F64,
            _ => {
                return Err(ExchangeError::Unsupported {
                    what: format!("array `{}` has floats of {size} bytes", printable(path)),
                    hint: "floats of 16, 32 or 64 bits can be read",
                });
            }
        };
        let count = array.num_elements().map_err(damaged)?;
        self.room
            .take(usize::try_from(count).map_err(|_| ExchangeError::TooLarge)?)?;
        let shape = array.shape().iter().map(|&size| usize::try_from(size));
        let shape = shape.collect::<Result<Vec<usize>, _>>();
        let bytes = array.read_raw_bytes().map_err(damaged)?;
        self.content.tensors.push(Tensor {
            name: path,
            shape: shape.map_err(|_| ExchangeError::TooLarge)?,
            values: if byte_order == ByteOrder::BigEndian {
                number.floats_of_big_endian(&bytes)
            } else {
                number.floats(&bytes)
            },
        });
        Ok(())
    }
}

fn joined(path: &str, name: &str) -> Result<String, ExchangeError> {
    let path = if path.is_empty() {
        name.into()
    } else {
        format!("{path}/{name}")
    };
    if path.len() > MAX_PATH {
        return Err(ExchangeError::damaged(FORMAT, "a name is too long"));
    }
    Ok(path)
}

/// Returns the text that says what the network is, where there is one. Other attributes are not decoded: each may
/// be a list that names one long text again and again.
fn config(root: &Group) -> Result<Option<String>, ExchangeError> {
    let attributes = root.raw_attributes().map_err(damaged)?;
    let config = attributes
        .into_iter()
        .find(|attribute| attribute.name() == "model_config");
    let Some(config) = config else {
        return Ok(None);
    };
    let (message, _) = config.into_parts();
    let is_reference = match &message.datatype {
        Datatype::String {
            size: StringSize::Fixed(_),
            ..
        } => false,
        Datatype::String {
            size: StringSize::Variable,
            ..
        } => true,
        Datatype::VarLen { kind, .. } => matches!(kind, VarLenKind::String),
        _ => return Ok(None),
    };
    let bytes = if is_reference {
        let bytes = root.resolve_vlen_reference_bytes(&message.raw_data, 1);
        bytes.map_err(damaged)?
    } else {
        message.raw_data
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.trim_end_matches('\0').into()))
}
