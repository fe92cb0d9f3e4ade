//! What belongs together: a matrix, its bias, the numbers of a batch normalisation.
//!
//! | writer | weight | bias |
//! | --- | --- | --- |
//! | this program | `layers.N.weight` `[in, out]` | `layers.N.bias` |
//! | PyTorch | `....weight` `[out, in]` | `....bias` |
//! | Keras | `.../kernel` `[in, out]` | `.../bias` |
//! | Keras, in HDF5 | `.../vars/0` `[in, out]` | `.../vars/1` |
//! | `np.savez(file, *model.get_weights())` | `arr_0`, `arr_2`, ... | `arr_1`, `arr_3`, ... |
//! | anybody | any matrix | the vector that fits it and has most words of its name: `W1`, `b1` |

use model::Tensor;

use crate::ExchangeError;
use crate::error::printable;
use crate::layout::Layout;
use crate::names::{likeness, words};
use crate::norms::Norm;

/// Words that a bias is called by.
const BIASES: [&str; 5] = ["b", "bias", "biases", "intercept", "intercepts"];
/// Words in the names of weights that are of no layer.
const LOSSES: [&str; 3] = ["loss", "criterion", "metric"];

/// What tensors are.
#[derive(Default)]
pub(crate) struct Parts {
    /// Layers, in the order of their weights in the file.
    pub dense: Vec<Dense>,
    pub norms: Vec<Norm>,
    /// What is to be said.
    pub notes: Vec<String>,
}

/// A weight with its bias, if it has one.
pub(crate) struct Dense {
    pub name: String,
    pub shape: [usize; 2],
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    /// Known from the name.
    pub layout: Option<Layout>,
}

/// What a tensor is of its layer, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Weight,
    Kernel,
    Bias,
    Gamma,
    Beta,
    Mean,
    Variance,
}

/// The tensors of one layer.
struct Group {
    name: String,
    parts: Vec<(Part, Tensor)>,
}

/// Pairs weights with biases, in the order of the weights.
pub(crate) fn pair(tensors: Vec<Tensor>) -> Result<Parts, ExchangeError> {
    let (groups, free) = groups(tensors);
    let mut found = Parts::default();
    let mut left_out = Vec::new();
    for group in groups {
        if group.has(Part::Mean) && group.has(Part::Variance) {
            found.norms.push(group.norm());
        } else if group.is_of_a_loss() {
            left_out.extend(group.parts.into_iter().map(|(_, tensor)| tensor.name));
        } else {
            found.dense.push(group.dense()?);
        }
    }
    pair_free(free, &mut found, &mut left_out)?;
    if found.dense.is_empty() {
        return Err(ExchangeError::Chain("there is none".into()));
    }
    let without = found.dense.iter().filter(|dense| dense.bias.is_none());
    let without: Vec<String> = without.map(|dense| printable(&dense.name)).collect();
    if !without.is_empty() {
        found.notes.push(format!(
            "biases of 0 for {}, which has none",
            without.join(", ")
        ));
    }
    found.notes.extend(crate::left_out(&left_out));
    Ok(found)
}

/// Returns the tensors whose names say their layers, layer by layer, and the others.
fn groups(tensors: Vec<Tensor>) -> (Vec<Group>, Vec<Tensor>) {
    let (mut groups, mut free): (Vec<Group>, Vec<Tensor>) = (Vec::new(), Vec::new());
    for tensor in tensors {
        let Some((name, part)) = role(&tensor) else {
            free.push(tensor);
            continue;
        };
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.parts.push((part, tensor)),
            None => groups.push(Group {
                name,
                parts: vec![(part, tensor)],
            }),
        }
    }
    (groups, free)
}

/// Returns a tensor's layer and what it is of it, where its name says so.
fn role(tensor: &Tensor) -> Option<(String, Part)> {
    let name = &tensor.name;
    let plain = name.strip_suffix(":0").unwrap_or(name); // TensorFlow numbers a variable's outputs
    let (layer, last) = plain.rsplit_once(['.', '/']).unwrap_or(("", plain));
    let part = match (last, tensor.shape.len()) {
        ("weight", _) => Part::Weight,
        ("kernel", _) => Part::Kernel,
        ("bias", _) => Part::Bias,
        ("gamma", _) => Part::Gamma,
        ("beta", _) => Part::Beta,
        ("running_mean" | "moving_mean", _) => Part::Mean,
        ("running_var" | "moving_variance", _) => Part::Variance,
        (number, axes) => {
            if let Some(layer) = layer.strip_suffix("/vars") {
                // A dense layer's kernel and bias, or a batch normalisation's four.
                let part = match (number, axes) {
                    ("0", 2..) => Part::Kernel,
                    ("0", _) => Part::Gamma,
                    ("1", _) => Part::Bias,
                    ("2", _) => Part::Mean,
                    ("3", _) => Part::Variance,
                    _ => return None,
                };
                return Some((layer.into(), part));
            }
            // A list of arrays: each weight with the bias after it.
            let number: usize = last.strip_prefix("arr_")?.parse().ok()?;
            let part = if axes == 1 { Part::Bias } else { Part::Weight };
            return Some((format!("arr_{}", number - number % 2), part));
        }
    };
    Some((layer.into(), part))
}

impl Group {
    fn has(&self, part: Part) -> bool {
        self.parts.iter().any(|(other, _)| *other == part)
    }

    fn is_of_a_loss(&self) -> bool {
        let words = words(&self.name);
        words.iter().any(|word| LOSSES.contains(&word.as_str()))
    }

    /// Takes the vector that is one of `parts`.
    fn take(&mut self, parts: &[Part]) -> Option<Vec<f32>> {
        let at = self
            .parts
            .iter()
            .position(|(part, _)| parts.contains(part))?;
        Some(self.parts.swap_remove(at).1.values)
    }

    fn norm(mut self) -> Norm {
        let is_keras = |(_, tensor): &(Part, Tensor)| tensor.name.contains('/');
        Norm {
            is_keras: self.parts.iter().any(is_keras),
            mean: self.take(&[Part::Mean]).unwrap_or_default(),
            variance: self.take(&[Part::Variance]).unwrap_or_default(),
            gamma: self.take(&[Part::Gamma, Part::Weight]),
            beta: self.take(&[Part::Beta, Part::Bias]),
            name: self.name,
        }
    }

    fn dense(self) -> Result<Dense, ExchangeError> {
        let (mut found, mut bias): (Option<Dense>, Option<Tensor>) = (None, None);
        for (part, tensor) in self.parts {
            match (part, &tensor.shape[..]) {
                (Part::Weight | Part::Kernel, &[first, second]) if found.is_none() => {
                    found = Some(Dense {
                        name: self.name.clone(),
                        shape: [first, second],
                        weight: tensor.values,
                        bias: None,
                        layout: (part == Part::Kernel).then_some(Layout::InOut),
                    });
                }
                (Part::Bias, [_] | [1, _] | [_, 1]) if bias.is_none() => bias = Some(tensor),
                _ => return Err(no_layer(&tensor)),
            }
        }
        match (found, bias) {
            (Some(dense), bias) => Ok(Dense {
                bias: bias.map(|bias| bias.values),
                ..dense
            }),
            (None, Some(bias)) => Err(no_layer(&bias)),
            (None, None) => Err(ExchangeError::Chain("there is none".into())),
        }
    }
}

/// Pairs matrices with vectors of any names.
fn pair_free(
    free: Vec<Tensor>,
    found: &mut Parts,
    left_out: &mut Vec<String>,
) -> Result<(), ExchangeError> {
    let (mut matrices, mut vectors) = (Vec::new(), Vec::new());
    for tensor in free {
        let words = words(&tensor.name);
        let is_bias = words.iter().any(|word| BIASES.contains(&word.as_str()));
        match tensor.shape[..] {
            [1, _] | [_, 1] if is_bias => vectors.push((words, tensor)),
            [_, _] => matrices.push((words, tensor)),
            [_] => vectors.push((words, tensor)),
            [] => left_out.push(tensor.name),
            _ => return Err(no_layer(&tensor)),
        }
    }
    let mut biases: Vec<Option<Tensor>> = matrices.iter().map(|_| None).collect();
    while let Some((matrix, vector)) = likeliest(&matrices, &biases, &vectors)? {
        let (_, tensor) = vectors.swap_remove(vector);
        if let Some(bias) = biases.get_mut(matrix) {
            *bias = Some(tensor);
        }
    }
    for ((_, tensor), bias) in matrices.into_iter().zip(biases) {
        if let [first, second] = tensor.shape[..] {
            found.dense.push(Dense {
                name: tensor.name,
                shape: [first, second],
                weight: tensor.values,
                bias: bias.map(|bias| bias.values),
                layout: None,
            });
        }
    }
    left_out.extend(vectors.into_iter().map(|(_, tensor)| tensor.name));
    Ok(())
}

/// A tensor with the words of its name.
type Worded = (Vec<String>, Tensor);

/// Returns the places of the matrix without a bias and the vector that belong together most clearly.
fn likeliest(
    matrices: &[Worded],
    biases: &[Option<Tensor>],
    vectors: &[Worded],
) -> Result<Option<(usize, usize)>, ExchangeError> {
    let mut clearest: Option<(usize, usize, usize)> = None;
    let mut unclear = None;
    let open = matrices.iter().zip(biases).enumerate();
    for (m, ((words, matrix), _)) in open.filter(|(_, (_, bias))| bias.is_none()) {
        let mut best: Vec<(usize, usize)> = Vec::new(); // likeness and place
        for (v, (other, vector)) in vectors.iter().enumerate() {
            let is_bias = other.iter().any(|word| BIASES.contains(&word.as_str()));
            let likeness = 2 * likeness(words, other) + usize::from(is_bias);
            if matrix.shape.contains(&vector.values.len()) && likeness > 0 {
                best.push((likeness, v));
            }
        }
        best.sort_by_key(|&(likeness, _)| std::cmp::Reverse(likeness));
        match best[..] {
            [] => {}
            [(one, v), (other, w), ..] if one == other => unclear = Some((m, v, w)),
            [(likeness, v), ..] => {
                if clearest.is_none_or(|(before, ..)| likeness > before) {
                    clearest = Some((likeness, m, v));
                }
            }
        }
    }
    let name = |of: &[Worded], at: usize| {
        of.get(at)
            .map(|(_, t)| printable(&t.name))
            .unwrap_or_default()
    };
    match (clearest, unclear) {
        (Some((_, m, v)), _) => Ok(Some((m, v))),
        (None, Some((m, v, w))) => Err(ExchangeError::Unsupported {
            what: format!(
                "`{}` may have the bias `{}` as well as `{}`",
                name(matrices, m),
                name(vectors, v),
                name(vectors, w)
            ),
            hint: "give a weight and its bias names that differ in one word: hidden_weight, hidden_bias",
        }),
        (None, None) => Ok(None),
    }
}

fn no_layer(tensor: &Tensor) -> ExchangeError {
    ExchangeError::Tensor {
        name: printable(&tensor.name),
        shape: tensor.shape.clone(),
    }
}
