//! PyTorch's `.pt`: a zip with one pickle, which names the tensors, and one file of numbers a storage.
//! Written by `torch.save(model.state_dict(), file)` of PyTorch 1.6 or newer.

use model::Tensor;

use crate::archive::Archive;
use crate::error::printable;
use crate::layout::{self, Layout};
use crate::number;
use crate::pickle::{self, PickleError, View};
use crate::{About, ExchangeError, Network};

/// What errors call the format.
const FORMAT: &str = "PyTorch";
/// What the file of the pickle ends in; its folder has any name.
const PICKLE: &str = "data.pkl";

/// Returns the network of a state dict. No metadata is known of it.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], told: Option<Layout>) -> Result<Network, ExchangeError> {
    let damaged = |reason: &str| ExchangeError::damaged(FORMAT, reason);
    let mut archive = Archive::open(bytes, FORMAT)?;
    let pickle = archive.names().find(|name| name.ends_with(PICKLE));
    let pickle = pickle
        .ok_or_else(|| damaged("it has no data.pkl"))?
        .to_string();
    let folder = pickle.trim_end_matches(PICKLE).to_string();
    let order = format!("{folder}byteorder");
    if archive.names().any(|name| name == order) && archive.read(&order)? != b"little" {
        return Err(damaged("its numbers are big-endian"));
    }
    let views = pickle::tensors(&archive.read(&pickle)?).map_err(|e| match e {
        PickleError::Damaged(reason) => damaged(reason),
        PickleError::Refused(what) => ExchangeError::Unsupported {
            what: format!(
                "the PyTorch file is no state dict: it has {what}, which is not executed"
            ),
            hint: "write it with torch.save(model.state_dict(), FILE)",
        },
    })?;
    let mut tensors = Vec::new();
    for (name, view) in views {
        let storage = archive.read(&format!("{folder}data/{}", view.storage))?;
        tensors.push(Tensor {
            values: values(&name, &view, &storage)?,
            name,
            shape: view.size,
        });
    }
    layout::network(tensors, told, About::default())
}

/// Returns the numbers of a view, row-major. A view may be a transposed one.
fn values(name: &str, view: &View, storage: &[u8]) -> Result<Vec<f32>, ExchangeError> {
    let name = printable(name);
    let Some(number) = view.number else {
        return Err(ExchangeError::Unsupported {
            what: format!("tensor `{name}` is not one of floats"),
            hint: "dense layers have floats only; see docs/interop.md for what can run here",
        });
    };
    let outside = || {
        let reason = format!("tensor `{name}` reaches outside of its storage");
        ExchangeError::damaged(FORMAT, reason)
    };
    let all = number.floats(storage);
    // No more numbers than there are, so that a view that repeats some cannot grow.
    if number::count(&view.size, all.len()).ok_or_else(outside)? == 0 {
        return Ok(Vec::new()); // the other size can be any number
    }
    let (rows, columns) = match view.size[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => {
            let shape = view.size.clone();
            return Err(ExchangeError::Tensor { name, shape });
        }
    };
    let (down, right) = match view.stride[..] {
        [right] if view.size.len() == 1 => (0, right),
        [down, right] if view.size.len() == 2 => (down, right),
        _ => return Err(outside()),
    };
    let at = |row: usize, column: usize| {
        let place = row
            .checked_mul(down)?
            .checked_add(column.checked_mul(right)?)?;
        all.get(place.checked_add(view.offset)?).copied()
    };
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let values: Option<Vec<f32>> = places.map(|(row, column)| at(row, column)).collect();
    values.ok_or_else(outside)
}
