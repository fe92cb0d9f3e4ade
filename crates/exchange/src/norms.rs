//! Batch normalisation between the layers of a state dict: where it goes, which its name and its width tell.

use crate::ExchangeError;
use crate::chain::{Affine, Layer, Step};
use crate::error::printable;
use crate::names::words;

/// What is added to a variance: the default of PyTorch's `BatchNorm1d`, since a state dict does not say it.
const EPSILON: f64 = 1e-5;

/// A batch normalisation.
pub(crate) struct Norm {
    pub name: String,
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
    pub gamma: Option<Vec<f32>>,
    pub beta: Option<Vec<f32>>,
    /// Whether its names are Keras's.
    pub is_keras: bool,
}

/// Where a batch normalisation is.
struct Place {
    /// The layer it follows; `None` where it comes before the first.
    layer: Option<usize>,
    is_behind_activation: bool,
}

impl Norm {
    fn step(&self) -> Step {
        let (gamma, beta) = (self.gamma.as_deref(), self.beta.as_deref());
        let (mean, variance) = (&self.mean, &self.variance);
        Step::Affine(Affine::batch_normalization(
            mean, variance, gamma, beta, EPSILON,
        ))
    }

    /// Returns where it goes among layers, names and the layers themselves.
    fn place(&self, layers: &[(String, Layer)]) -> Option<Place> {
        let width = self.mean.len();
        let place = self.place_by_number(layers).or_else(|| {
            let own = numbers(&self.name);
            let fits = |(_, (name, layer)): &(usize, &(String, Layer))| {
                layer.bias.len() == width && numbers(name) == own
            };
            only(layers.iter().enumerate().filter(fits))
        });
        let place = place.or_else(|| {
            let fits = |(_, (_, layer)): &(usize, &(String, Layer))| layer.bias.len() == width;
            only(layers.iter().enumerate().filter(fits))
        })?;
        let fitting = match place.layer {
            Some(at) => layers.get(at).map(|(_, layer)| layer.bias.len()),
            None => layers.first().map(|(_, layer)| layer.inputs()),
        };
        (fitting == Some(width)).then_some(place)
    }

    /// Returns where its number goes among those of a `Sequential`: right behind its layer, or, with a number
    /// between them, behind the activation.
    fn place_by_number(&self, layers: &[(String, Layer)]) -> Option<Place> {
        let (prefix, own) = numbered(&self.name)?;
        let mut before = None;
        for (at, (name, _)) in layers.iter().enumerate() {
            let (other, number) = numbered(name)?;
            if other != prefix {
                return None;
            }
            if number < own {
                before = Some((at, own - number));
            }
        }
        Some(Place {
            layer: before.map(|(at, _)| at),
            is_behind_activation: before.is_some_and(|(_, gap)| gap > 1),
        })
    }
}

fn only<'a>(mut fitting: impl Iterator<Item = (usize, &'a (String, Layer))>) -> Option<Place> {
    match (fitting.next(), fitting.next()) {
        (Some((at, _)), None) => Some(Place {
            layer: Some(at),
            is_behind_activation: false,
        }),
        _ => None,
    }
}

/// Returns the numbers in a name.
fn numbers(name: &str) -> Vec<String> {
    let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
    words(name).into_iter().filter(is_number).collect()
}

/// Returns a name that is a number behind anything, in two.
fn numbered(name: &str) -> Option<(&str, u64)> {
    let (prefix, number) = match name.rsplit_once(['.', '/']) {
        Some((prefix, number)) => (prefix, number),
        None => ("", name),
    };
    Some((prefix, number.parse().ok()?))
}

/// Returns the steps of layers, first to last, with activations and `norms` between them.
pub(crate) fn between(
    layers: Vec<(String, Layer)>,
    norms: Vec<Norm>,
    notes: &mut Vec<String>,
) -> Result<Vec<Step>, ExchangeError> {
    let (mut front, mut placed) = (Vec::new(), Vec::new());
    for norm in &norms {
        let name = printable(&norm.name);
        if norm.is_keras {
            return Err(ExchangeError::Unsupported {
                what: format!(
                    "the weights alone do not say whether the batch normalisation `{name}` is before or behind \
                     an activation"
                ),
                hint: "give the whole Keras model: model.save(\"model.keras\")",
            });
        }
        let Some(place) = norm.place(&layers) else {
            return Err(ExchangeError::Unsupported {
                what: format!(
                    "it is not clear behind which layer the batch normalisation `{name}` is"
                ),
                hint: "export the network as ONNX, which says so: torch.onnx.export",
            });
        };
        let behind = place.layer.and_then(|at| layers.get(at));
        let at = behind.map_or("before the first layer".into(), |(layer, _)| {
            let what = if place.is_behind_activation {
                "the activation of "
            } else {
                ""
            };
            format!("behind {what}`{}`", printable(layer))
        });
        notes.push(format!(
            "assumed batch normalisation `{name}` {at}, with an epsilon of {EPSILON:e}; folded in"
        ));
        match place.layer {
            None => front.push(norm.step()),
            Some(at) => placed.push((at, place.is_behind_activation, norm.step())),
        }
    }
    let last = layers.len().saturating_sub(1);
    let mut steps = front;
    for (i, (_, layer)) in layers.into_iter().enumerate() {
        let here = |is_behind: bool| {
            let norms = placed
                .iter()
                .filter(move |(at, behind, _)| (*at, *behind) == (i, is_behind));
            norms.map(|(_, _, step)| step.clone())
        };
        steps.push(Step::Dense(layer));
        steps.extend(here(false));
        if i < last {
            steps.push(Step::Activation(None));
        }
        steps.extend(here(true));
    }
    Ok(steps)
}
