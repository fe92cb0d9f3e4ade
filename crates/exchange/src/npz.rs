//! NumPy's `.npz`: a zip of `.npy` files, <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! What is known besides the weights is the array `metadata`: one byte string, JSON.

use model::Tensor;

use crate::archive::{self, Archive};
use crate::error::printable;
use crate::layout::{self, Layout};
use crate::number::{self, Number, Room};
use crate::{About, ExchangeError, Network, Reading};

/// What errors call the format.
const FORMAT: &str = "npz";
const MAGIC: &[u8] = b"\x93NUMPY";
const ENDING: &str = ".npy";
/// The array that is no tensor.
const METADATA: &str = "metadata";

/// Returns the network in a file.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let mut archive = Archive::open(bytes, FORMAT)?;
    let names: Vec<String> = archive.names().map(String::from).collect();
    let (mut about, mut notes) = (About::default(), Vec::new());
    let mut tensors = Vec::new();
    let mut room = Room::of(archive.size());
    for file in names {
        let Some(name) = file.strip_suffix(ENDING) else {
            let reason = format!("{} is no {ENDING} file", printable(&file));
            return Err(ExchangeError::damaged(FORMAT, reason));
        };
        let content = archive.read(&file)?;
        let array = Array::parse(&content).map_err(|reason| {
            ExchangeError::damaged(FORMAT, format_args!("{}: {reason}", printable(&file)))
        })?;
        if name == METADATA && array.kind.starts_with("|S") {
            let text = String::from_utf8_lossy(array.data);
            let entry = (crate::about::KEY, text.trim_end_matches('\0'));
            (about, notes) = About::from_entries([entry]);
        } else {
            tensors.push(array.tensor(name, &mut room)?);
        }
    }
    let mut network = layout::network(tensors, reading, about)?;
    network.notes.append(&mut notes);
    Ok(network)
}

/// Returns the file of `network`.
pub fn write(network: &Network, layout: Layout) -> Vec<u8> {
    let about = About {
        layout: Some(layout),
        ..network.about.clone()
    };
    let mut files = Vec::new();
    for tensor in layout.named(&network.tensors) {
        let shape = match tensor.shape[..] {
            [size] => format!("({size},)"),
            _ => format!(
                "({})",
                tensor
                    .shape
                    .iter()
                    .map(usize::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let content = array("<f4", &shape, &number::bytes(&tensor.values));
        files.push((tensor.name + ENDING, content));
    }
    let json = about.to_json();
    let kind = format!("|S{}", json.len());
    files.push((
        METADATA.to_string() + ENDING,
        array(&kind, "()", json.as_bytes()),
    ));
    archive::write(&files)
}

/// Returns a `.npy` file of version 1.0; its header ends at a multiple of 64 bytes.
fn array(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let start = MAGIC.len() + 4;
    let padding = (start + header.len() + 1).next_multiple_of(64) - start - header.len() - 1;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let length = header.len() as u16; // some hundred bytes
    [
        MAGIC,
        &[1, 0],
        &length.to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

/// A `.npy` file, taken apart.
struct Array<'a> {
    /// NumPy's name of the type, `<f4`.
    kind: String,
    is_fortran: bool,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Array<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("no NumPy array")?;
        let (length, rest) = match rest {
            [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            [2 | 3, _, a, b, c, d, rest @ ..] => {
                (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest)
            }
            _ => return Err("of an unknown version"),
        };
        let (header, data) = rest.split_at_checked(length).ok_or("cut off")?;
        let header = std::str::from_utf8(header).map_err(|_| "its header is no text")?;
        let kind = after(header, "'descr':").and_then(|text| {
            let text = text.strip_prefix('\'')?;
            Some(text.split_once('\'')?.0.to_string())
        });
        let is_fortran = match after(header, "'fortran_order':") {
            Some(text) if text.starts_with("False") => Some(false),
            Some(text) if text.starts_with("True") => Some(true),
            _ => None,
        };
        Ok(Self {
            kind: kind.ok_or("its type is not a plain one")?,
            is_fortran: is_fortran.ok_or("its order is missing")?,
            shape: after(header, "'shape':")
                .and_then(shape)
                .ok_or("its shape is missing")?,
            data,
        })
    }

    fn tensor(self, name: &str, room: &mut Room) -> Result<Tensor, ExchangeError> {
        let (order, number) = self.kind.split_at_checked(1).unwrap_or_default();
        let number = match (order, number) {
            ("<" | ">", "f2") => Number::F16,
            ("<" | ">", "f4") => Number::F32,
            ("<" | ">", "f8") => Number::F64,
            _ => {
                let kind = &self.kind;
                let (name, kind) = (printable(name), printable(kind));
                return Err(ExchangeError::Unsupported {
                    what: format!("array `{name}` has numbers of the type {kind}"),
                    hint: "save the weights as numpy.float32",
                });
            }
        };
        let count = number::count(&self.shape, self.data.len() / number.size());
        if count.map(|count| count * number.size()) != Some(self.data.len()) {
            let reason = format!("{}: shape and size do not fit", printable(name));
            return Err(ExchangeError::damaged(FORMAT, reason));
        }
        room.take(self.data.len() / number.size())?;
        let mut values = if order == ">" {
            number.floats_of_big_endian(self.data)
        } else {
            number.floats(self.data)
        };
        if let (true, &[rows, _]) = (self.is_fortran, &self.shape[..]) {
            values = layout::transpose(&values, rows); // stored column by column
        }
        Ok(Tensor {
            name: name.into(),
            shape: self.shape,
            values,
        })
    }
}

/// Returns what follows `key` in a header, without blanks before it.
fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    Some(header.split_once(key)?.1.trim_start())
}

/// Returns the numbers in `(784, 128), ...`, of which there are two at most.
fn shape(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = inside
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let sizes: Option<Vec<usize>> = sizes.take(9).map(|size| size.parse().ok()).collect();
    sizes.filter(|sizes| sizes.len() <= 8)
}
