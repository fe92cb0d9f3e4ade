//! Burn's own packs, `.bpk`, of other programs than this one: tensors under the names of a module's fields, weights
//! of `Linear` `[in, out]`.

use model::pack::{self, Pack};

use crate::layout::{self, Layout};
use crate::{About, ExchangeError, Network, Reading};

/// What errors call the format.
const FORMAT: &str = "Burn pack (.bpk)";

/// Returns the network in a pack.
///
/// # Errors
/// [`ExchangeError`] says what is wrong with the file, or that it is a record of this program.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Network, ExchangeError> {
    let Pack {
        tensors, metadata, ..
    } = pack::read(bytes).map_err(|e| ExchangeError::damaged(FORMAT, e))?;
    if metadata.contains_key(crate::about::KEY) {
        return Err(ExchangeError::Unknown(
            "a .bpk record, which the other commands take as it is",
        ));
    }
    let reading = Reading {
        layout: reading.layout.or(Some(Layout::InOut)),
        ..*reading
    };
    layout::network(tensors, &reading, About::default())
}
