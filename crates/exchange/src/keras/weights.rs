//! Keras 3's weights alone, of a network with batch normalisation: `layers/dense_1/vars/0`.
//!
//! A layer is called by its class and its number among its class, so that the order is known within a class, and not
//! between classes. What decides where a batch normalisation goes is its width; and whether it comes before or
//! behind the activation is decided only where no layer is an activation, so that each is inside of its dense layer.
//! A layer without weights is an empty group, which says that it is there.

use model::Tensor;

use super::read::dense;
use super::{EPSILON, FORMAT};
use crate::chain::{self, Affine, Layer, Step};
use crate::error::printable;
use crate::hdf5::Content;
use crate::names::natural;
use crate::{About, ExchangeError, Network, Reading};

/// Groups that layers are in; the second is of TensorFlow 2.13.
const ROOTS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];
const DENSE: &str = "dense";
const NORM: &str = "batch_normalization";
const RESCALING: &str = "rescaling";
/// Layers without weights that are no activation between layers.
const OTHERS: [&str; 9] = [
    "input_layer",
    RESCALING,
    "flatten",
    "reshape",
    "dropout",
    "alpha_dropout",
    "gaussian_dropout",
    "gaussian_noise",
    "softmax",
];

/// A dense layer with its name.
type Named = (String, Layer);

/// A batch normalisation.
struct Norm {
    name: String,
    width: usize,
    step: Affine,
}

/// Returns what is to be said of a layer in `groups` that scales pixels, if there is one: its scale is no weight.
pub(super) fn unknown_scale(groups: &[String]) -> Option<&'static str> {
    let mut classes = groups.iter().filter_map(|path| layer(path)).map(class);
    classes.any(|class| class == RESCALING).then_some(
        "assumed pixels from 0 to 1, though the model has a Rescaling layer, whose scale is not among the weights; \
         --scale says otherwise",
    )
}

/// Returns whether a file has a batch normalisation with a name as here.
pub(super) fn has_norms(content: &Content) -> bool {
    let classes = content
        .tensors
        .iter()
        .filter_map(|tensor| layer(&tensor.name));
    classes.map(class).any(|class| class == NORM)
}

/// Returns the network of a file for which [`has_norms`].
///
/// # Errors
/// When a layer is of another class, or it is not clear where a batch normalisation goes.
pub(super) fn network(content: Content, reading: &Reading) -> Result<Network, ExchangeError> {
    let is_inside = has_activations_inside(&content.groups);
    let (layers, norms) = parts(content.tensors)?;
    let places = places(&layers, &norms)?;
    let mut notes = Vec::new();
    let mut placed = Vec::new();
    for (norm, &place) in norms.into_iter().zip(&places) {
        let is_hidden = place > 0 && place < layers.len();
        if is_hidden && !is_inside {
            return Err(unclear(&norm.name, "is before or behind an activation"));
        }
        let before = place.checked_sub(1).and_then(|at| layers.get(at));
        let at = match before {
            None => "before the first layer".into(),
            Some((name, _)) if is_hidden => {
                format!("behind the activation of `{}`", printable(name))
            }
            Some((name, _)) => format!("behind `{}`", printable(name)),
        };
        notes.push(format!(
            "assumed batch normalisation `{}` {at}, with Keras's epsilon of {EPSILON:e}, which the file does not \
             say; folded in",
            printable(norm.name)
        ));
        placed.push((place, norm.step));
    }
    let mut network = chain::network(steps(layers, &placed), reading.scale, About::default())?;
    network.notes.append(&mut notes);
    network.leave_out(content.left_out);
    Ok(network)
}

/// Returns dense layers, first to last, with an activation behind each but the last, and the batch normalisations
/// behind so many of them.
fn steps(layers: Vec<Named>, placed: &[(usize, Affine)]) -> Vec<Step> {
    let norm_at = |place| {
        let here = placed.iter().filter(move |(other, _)| *other == place);
        here.map(|(_, step)| Step::Affine(step.clone()))
    };
    let last = layers.len();
    let mut steps: Vec<Step> = norm_at(0).collect();
    for (place, (_, layer)) in (1..).zip(layers) {
        steps.push(Step::Dense(layer));
        if place < last {
            steps.push(Step::Activation(None));
        }
        steps.extend(norm_at(place));
    }
    steps
}

/// Returns the dense layers and the batch normalisations of a file, each in their order.
fn parts(tensors: Vec<Tensor>) -> Result<(Vec<Named>, Vec<Norm>), ExchangeError> {
    let mut groups: Vec<(String, Vec<Tensor>)> = Vec::new();
    for tensor in tensors {
        let Some(name) = layer(&tensor.name).filter(|name| [DENSE, NORM].contains(&class(name)))
        else {
            return Err(ExchangeError::Tensor {
                name: printable(&tensor.name),
                shape: tensor.shape,
            });
        };
        match groups.iter_mut().find(|(other, _)| other == name) {
            Some((_, arrays)) => arrays.push(tensor),
            None => groups.push((name.into(), vec![tensor])),
        }
    }
    groups.sort_by_cached_key(|(name, _)| natural(name));
    let (mut layers, mut norms) = (Vec::new(), Vec::new());
    for (name, arrays) in groups {
        if class(&name) == DENSE {
            let shown = || format!("the layer `{}`", printable(&name));
            let layer = dense(arrays, &shown)?;
            layers.push((name, layer));
        } else {
            norms.push(norm(name, &arrays)?);
        }
    }
    Ok((layers, norms))
}

/// Returns a batch normalisation of gamma, beta, mean and variance, or of the last two.
fn norm(name: String, arrays: &[Tensor]) -> Result<Norm, ExchangeError> {
    let (gamma, beta, mean, variance) = match arrays {
        [gamma, beta, mean, variance] => (Some(gamma), Some(beta), mean, variance),
        [mean, variance] => (None, None, mean, variance),
        _ => return Err(unclear(&name, "has a gamma or a beta")),
    };
    let width = mean.values.len();
    if arrays.iter().any(|array| array.shape != [width]) {
        let reason = format!("the lists of `{}` have different lengths", printable(name));
        return Err(ExchangeError::damaged(FORMAT, reason));
    }
    fn values(tensor: &Tensor) -> &[f32] {
        &tensor.values
    }
    let step = Affine::batch_normalization(
        values(mean),
        values(variance),
        gamma.map(values),
        beta.map(values),
        EPSILON,
    );
    Ok(Norm { name, width, step })
}

/// Returns behind how many layers each batch normalisation is, one at most behind each, where their widths leave
/// one way only: the way in which all are as early as possible is the one in which they are as late as possible.
fn places(layers: &[Named], norms: &[Norm]) -> Result<Vec<usize>, ExchangeError> {
    let inputs = layers.first().map(|(_, layer)| layer.inputs());
    let outputs = layers.iter().map(|(_, layer)| layer.bias.len());
    let widths: Vec<usize> = inputs.into_iter().chain(outputs).collect();
    let mut free = widths.iter().enumerate();
    let early = norms
        .iter()
        .map(|norm| free.find(|(_, width)| **width == norm.width));
    let early: Vec<Option<usize>> = early.map(|found| found.map(|(place, _)| place)).collect();
    let mut free = widths.iter().enumerate().rev();
    let late = norms
        .iter()
        .rev()
        .map(|norm| free.find(|(_, width)| **width == norm.width));
    let late: Vec<Option<usize>> = late.map(|found| found.map(|(place, _)| place)).collect();
    let both = norms
        .iter()
        .zip(early.into_iter().zip(late.into_iter().rev()));
    let decided = both.map(|(norm, places)| match places {
        (Some(early), Some(late)) if early == late => Ok(early),
        _ => Err(unclear(&norm.name, "follows one layer or another")),
    });
    decided.collect()
}

/// Returns whether the groups of a file show that no layer is an activation: there are layers without weights, and
/// all of them are known to be something else.
fn has_activations_inside(groups: &[String]) -> bool {
    let classes: Vec<&str> = groups
        .iter()
        .filter_map(|path| layer(path))
        .map(class)
        .collect();
    let is_other = |class: &&str| OTHERS.contains(class);
    let is_known = |class: &&str| is_other(class) || [DENSE, NORM].contains(class);
    classes.iter().any(is_other) && classes.iter().all(is_known)
}

/// Returns the name of the layer that a path leads into.
fn layer(path: &str) -> Option<&str> {
    let (root, rest) = path.split_once('/')?;
    let (name, inside) = rest.split_once('/').unwrap_or((rest, "vars"));
    let is_own = inside == "vars" || inside.starts_with("vars/");
    (ROOTS.contains(&root) && is_own).then_some(name)
}

/// Returns the class of a layer by its name, without its number.
fn class(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((class, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => class,
        _ => name,
    }
}

fn unclear(name: &str, what: &str) -> ExchangeError {
    ExchangeError::Unsupported {
        what: format!(
            "the weights alone do not say whether the batch normalisation `{}` {what}",
            printable(name)
        ),
        hint: "give the whole Keras model: model.save(\"model.keras\")",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
