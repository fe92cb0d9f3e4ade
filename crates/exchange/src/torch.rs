//! PyTorch's `.pt`: a zip with one pickle, which names the tensors, and one file of numbers a storage; before
//! PyTorch 1.6 some pickles and the storages after each other. Written by
//! `torch.save(model.state_dict(), file)`.

use std::borrow::Cow;
use std::collections::HashMap;

use model::Tensor;

use crate::archive::Archive;
use crate::error::printable;
use crate::layout;
use crate::number::{self, Room};
use crate::pickle::{self, Pickle, PickleError, View};
use crate::state_dict::{self, Found};
use crate::{About, ExchangeError, Network, Reading};

/// What errors call the format.
const FORMAT: &str = "PyTorch";
/// What the file of the pickle ends in; its folder has any name.
const PICKLE: &str = "data.pkl";
/// Most bytes of a zip's pickle; a state dict of 65 layers has 12,000.
const MAX_PICKLE: usize = 1 << 20;
/// A file that is no zip begins with the pickle of a number.
pub const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Bytes of each storage, by name.
type Storages<'a> = HashMap<String, Cow<'a, [u8]>>;

/// Returns the network of a checkpoint. No metadata is known of it.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    match bytes.strip_prefix(OLD) {
        Some(rest) => read_old(rest, reading),
        None => read_zip(bytes, reading),
    }
}

fn read_zip(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let damaged = |reason: &str| ExchangeError::damaged(FORMAT, reason);
    let mut archive = Archive::open(bytes, FORMAT)?;
    let pickle = archive.names().find(|name| name.ends_with(PICKLE));
    let pickle = pickle
        .ok_or_else(|| damaged("it has no data.pkl"))?
        .to_string();
    let folder = pickle.trim_end_matches(PICKLE).to_string();
    let order = format!("{folder}byteorder");
    if archive.names().any(|name| name == order) && *archive.read(&order)? != *b"little" {
        return Err(damaged("its numbers are big-endian"));
    }
    let content = archive.read(&pickle)?;
    if content.len() > MAX_PICKLE {
        return Err(damaged("the pickle is too long"));
    }
    let pickle = pickle::read(&mut &content[..]).map_err(refused)?;
    let found = state_dict::find(&pickle).map_err(refused)?;
    let mut storages = Storages::new();
    for (_, view) in &found.tensors {
        if !storages.contains_key(view.storage) {
            let content = archive.read(&format!("{folder}data/{}", view.storage))?;
            storages.insert(view.storage.into(), content);
        }
    }
    network(found, &storages, Room::of(archive.size()), reading)
}

/// Reads what follows [`OLD`]: the protocol's number, the writer's machine, the checkpoint, the names of the
/// storages, and each storage with its length before it.
fn read_old(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let damaged = || ExchangeError::damaged(FORMAT, "its storages are cut off");
    let mut rest = bytes;
    let mut next = || pickle::read(&mut rest).map_err(refused);
    let [_protocol, _machine, pickle, names] = [next()?, next()?, next()?, next()?];
    let found = state_dict::find(&pickle).map_err(refused)?;
    let mut storages = Storages::new();
    for name in texts(&names).ok_or_else(damaged)? {
        let stored = pickle.storages.get(name).ok_or_else(damaged)?;
        let (length, after) = rest.split_first_chunk().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok();
        let length = length.and_then(|length| length.checked_mul(stored.size));
        let split = length.and_then(|length| after.split_at_checked(length));
        let (content, after) = split.ok_or_else(damaged)?;
        storages.insert(name.into(), Cow::Borrowed(content));
        rest = after;
    }
    network(found, &storages, Room::of(bytes.len() as u64), reading)
}

/// Returns the texts of the list that a pickle is.
fn texts<'a>(pickle: &Pickle<'a>) -> Option<Vec<&'a str>> {
    let pickle::Value::Sequence(places) = pickle.value(pickle.top) else {
        return None;
    };
    let text = |place: &usize| match *pickle.value(*place) {
        pickle::Value::Text(text) => Some(text),
        _ => None,
    };
    places.iter().map(text).collect()
}

fn refused(error: PickleError) -> ExchangeError {
    match error {
        PickleError::Damaged(reason) => ExchangeError::damaged(FORMAT, reason),
        PickleError::Refused(what) => ExchangeError::Unsupported {
            what: format!(
                "the PyTorch file is no state dict: it has {what}, which is not executed"
            ),
            hint: "write it with torch.save(model.state_dict(), FILE)",
        },
    }
}

fn network(
    found: Found,
    storages: &Storages,
    mut room: Room,
    reading: &Reading,
) -> Result<Network, ExchangeError> {
    let mut tensors = Vec::new();
    for (name, view) in found.tensors {
        let storage = storages.get(view.storage).map_or(&[][..], |bytes| bytes);
        tensors.push(Tensor {
            values: values(&name, &view, storage, &mut room)?,
            name,
            shape: view.size,
        });
    }
    let about = About {
        activation: found.activation,
        ..About::default()
    };
    let mut network = layout::network(tensors, reading, about)?;
    network.leave_out(found.left_out);
    Ok(network)
}

/// Returns the numbers of a view, row-major. A view may be a transposed one.
fn values(
    name: &str,
    view: &View,
    storage: &[u8],
    room: &mut Room,
) -> Result<Vec<f32>, ExchangeError> {
    let outside = || {
        let reason = format!(
            "tensor `{}` reaches outside of its storage",
            printable(name)
        );
        ExchangeError::damaged(FORMAT, reason)
    };
    let Some(number) = view.stored.number else {
        return Ok(Vec::new());
    };
    let most = storage.len() / number.size();
    let count = number::count(&view.size, most).ok_or_else(outside)?;
    room.take(count)?;
    let places = places(view, count).ok_or_else(outside)?;
    let mut values = Vec::with_capacity(count);
    for place in places {
        let start = place.and_then(|place| place.checked_mul(number.size()));
        let end = start.and_then(|start| start.checked_add(number.size()));
        let bytes = start
            .zip(end)
            .and_then(|(start, end)| storage.get(start..end));
        values.extend(number.floats(bytes.ok_or_else(outside)?));
    }
    Ok(values)
}

/// Returns where each of the `count` numbers of a view is in its storage, in the order of the rows.
fn places(view: &View, count: usize) -> Option<impl Iterator<Item = Option<usize>>> {
    (view.size.len() == view.stride.len()).then_some(())?;
    Some((0..count).map(move |mut index| {
        let mut place = view.offset;
        for (&size, &stride) in view.size.iter().zip(&view.stride).rev() {
            place = place.checked_add((index % size).checked_mul(stride)?)?;
            index /= size;
        }
        Some(place)
    }))
}
