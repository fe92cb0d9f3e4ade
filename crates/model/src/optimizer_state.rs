//! The state of one of Burn's optimizers, as Burn writes it, checked before Burn loads it.
//!
//! Burn accepts any such record, and panics at the next step if a tensor does not have its parameter's shape.
//! The record is a pack with a tensor `P.FIELD` for each parameter P and each field, and the numbers
//! `P.__rank` and, where the optimizer counts its steps, `P.FIELD` for that.

use std::collections::BTreeMap;

use crate::pack::{self, Scalar, excerpt};
use crate::record::{RecordError, Tensors};
use crate::tensor::Shape;

/// Name of the number of dimensions of a parameter.
const RANK: &str = "__rank";

/// The fields of an optimizer's state per parameter, by their names in Burn.
#[derive(Debug, Clone, Copy)]
pub struct OptimizerState {
    /// Tensors of the parameter's shape.
    pub tensors: &'static [&'static str],
    /// The field that counts steps, if any.
    pub steps: Option<&'static str>,
}

impl OptimizerState {
    /// Checks that `bytes` are exactly such a state, for a network with tensors of these `shapes` after `steps`
    /// steps: numbers, names, shapes and values. Before the first step there is no state. Parameters are numbered
    /// in the order of the tensors.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with the bytes.
    pub fn check(self, bytes: &[u8], shapes: &[Shape], steps: u64) -> Result<(), RecordError> {
        let shapes = if steps == 0 { &[] } else { shapes };
        let mut pack = pack::read(bytes)?;
        let mut numbers = Numbers(std::mem::take(&mut pack.scalars));
        let owners = std::mem::take(&mut pack.parameters);
        let mut tensors = Tensors::of(pack);
        for (id, Shape { shape, .. }) in (0..).zip(shapes) {
            numbers.take(format!("{id}.{RANK}"), shape.len() as u64)?;
            if let Some(field) = self.steps {
                numbers.take(format!("{id}.{field}"), steps)?;
            }
            for field in self.tensors {
                let name = format!("{id}.{field}");
                tensors.take(&name, shape)?;
                check_owner(&name, owners.get(&name).copied(), id)?;
            }
        }
        numbers.finish()?;
        tensors.finish()
    }
}

/// Checks that the tensor `name` belongs to the parameter `expected`.
fn check_owner(name: &str, found: Option<u64>, expected: u64) -> Result<(), RecordError> {
    if found == Some(expected) {
        return Ok(());
    }
    Err(RecordError::Number {
        name: format!("{name}: parameter"),
        found: format!("{found:?}"),
        expected: format!("{:?}", Some(expected)),
    })
}

/// The numbers of a pack that have not been removed yet.
struct Numbers(BTreeMap<String, Scalar>);

impl Numbers {
    /// Removes the number `name`, which must be `expected`.
    fn take(&mut self, name: String, expected: u64) -> Result<(), RecordError> {
        let found = self.0.remove(&name);
        if found.and_then(Scalar::unsigned) == Some(expected) {
            return Ok(());
        }
        Err(RecordError::Number {
            name,
            found: found.map_or("missing".into(), |found| format!("{found:?}")),
            expected: expected.to_string(),
        })
    }

    /// Checks that nothing is left.
    fn finish(self) -> Result<(), RecordError> {
        match self.0.into_iter().next() {
            Some((name, left)) => Err(RecordError::Number {
                name: excerpt(&name),
                found: format!("{left:?}"),
                expected: "missing".into(),
            }),
            None => Ok(()),
        }
    }
}
