//! Where the weights are in a checkpoint: a dictionary of tensors, alone or under any key, or in a whole
//! model's `_modules`.

use std::collections::HashSet;

use model::Activation;

use crate::error::printable;
use crate::pickle::{Pickle, PickleError, Value, View};

/// Keys that the weights are usually under.
const USUAL: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
];
/// How deep is looked.
const DEEPEST: usize = 32;
/// Where a whole model has its state class by class.
const ACTIVATIONS: &str = "torch.nn.modules.activation";

/// What a checkpoint has.
pub struct Found<'a> {
    /// The tensors of floats with their names, in their order.
    pub tensors: Vec<(String, View<'a>)>,
    /// Names of what was passed over.
    pub left_out: Vec<String>,
    /// The activation between the layers, where a whole model says it.
    pub activation: Option<Activation>,
}

/// A dictionary with tensors in it.
struct Group<'a> {
    path: Vec<String>,
    tensors: Vec<(String, View<'a>)>,
    /// Names of what else it has.
    others: Vec<String>,
}

impl Group<'_> {
    fn has_matrix(&self) -> bool {
        let is_matrix = |view: &View| view.size.len() >= 2 && view.stored.number.is_some();
        self.tensors.iter().any(|(_, view)| is_matrix(view))
    }

    fn is_usual(&self) -> bool {
        self.path
            .last()
            .is_some_and(|key| USUAL.contains(&key.as_str()))
    }
}

/// Returns the weights in a pickle.
pub fn find<'a>(pickle: &Pickle<'a>) -> Result<Found<'a>, PickleError> {
    let mut search = Search {
        pickle,
        seen: HashSet::new(),
        groups: Vec::new(),
    };
    search.look(pickle.top, &mut Vec::new(), 0);
    let mut groups = search.groups;
    if !groups.iter().any(Group::has_matrix) {
        let what = match pickle.first_call() {
            Some(call) => format!("a call of `{call}`"),
            None => "no dictionary of tensors".into(),
        };
        return Err(PickleError::Refused(what));
    }
    let usual = groups
        .iter()
        .filter(|group| group.is_usual() && group.has_matrix());
    let root = groups
        .iter()
        .filter(|group| group.path.is_empty() && group.has_matrix());
    let chosen = match (usual.count(), root.count()) {
        (_, 1) => groups.iter().position(|group| group.path.is_empty()),
        (1, _) => groups
            .iter()
            .position(|group| group.is_usual() && group.has_matrix()),
        _ => None,
    };
    let mut left_out = Vec::new();
    if let Some(chosen) = chosen {
        let mut group = groups.swap_remove(chosen);
        group.path.clear();
        groups = vec![group];
    } else if let [group] = &mut groups[..] {
        group.path.clear();
    }
    let mut tensors = Vec::new();
    for mut group in groups {
        let prefix: String = group.path.iter().map(|key| format!("{key}.")).collect();
        let named = |(name, view): (String, View<'a>)| (format!("{prefix}{name}"), view);
        tensors.extend(group.tensors.into_iter().map(named));
        left_out.append(&mut group.others);
    }
    left_out.extend(beside(pickle, chosen.is_some()));
    let activation = activation(pickle)?;
    Ok(Found {
        tensors,
        left_out,
        activation,
    })
}

/// Returns the keys of the whole that have nothing of the weights.
fn beside(pickle: &Pickle, is_chosen: bool) -> Vec<String> {
    let Value::Dict(entries) = pickle.value(pickle.top) else {
        return Vec::new();
    };
    let is_beside = |&(key, value): &(usize, usize)| match pickle.value(value) {
        Value::Tensor(_) => false,
        Value::Dict(_) => {
            let key = pickle.key(key);
            is_chosen && !key.is_some_and(|key| USUAL.contains(&key.as_str()))
        }
        _ => true,
    };
    let entries = entries.iter().filter(|entry| is_beside(entry));
    let names = entries.filter_map(|(key, _)| pickle.key(*key));
    names.map(printable).collect()
}

struct Search<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Places that were looked at: a value may be in itself.
    seen: HashSet<usize>,
    groups: Vec<Group<'a>>,
}

impl<'a> Search<'_, 'a> {
    fn look(&mut self, place: usize, path: &mut Vec<String>, depth: usize) {
        if depth > DEEPEST || !self.seen.insert(place) {
            return;
        }
        match self.pickle.value(place) {
            Value::Object(state) if *state > 0 => self.look(*state, path, depth + 1),
            // An object's state may be a pair: its dictionary and its slots.
            Value::Sequence(places) => {
                for &place in places {
                    self.look(place, path, depth + 1);
                }
            }
            Value::Dict(entries) => self.look_in(entries, path, depth + 1),
            _ => {}
        }
    }

    fn look_in(&mut self, entries: &[(usize, usize)], path: &mut Vec<String>, depth: usize) {
        let (mut tensors, mut others) = (Vec::new(), Vec::new());
        for &(key, value) in entries {
            let Some(key) = self.pickle.key(key) else {
                continue;
            };
            match self.pickle.value(value) {
                Value::Tensor(view) if view.stored.number.is_some() => {
                    tensors.push((key, (**view).clone()));
                }
                Value::Tensor(_) if key.ends_with("num_batches_tracked") => {}
                Value::Tensor(_) => others.push(printable(key)),
                // Moments of weights have the shapes of weights.
                Value::Dict(_) | Value::Object(_) | Value::Sequence(_) if !is_optimizer(&key) => {
                    let is_part = matches!(key.as_str(), "_modules" | "_parameters" | "_buffers");
                    if !is_part {
                        path.push(key);
                    }
                    self.look(value, path, depth);
                    if !is_part {
                        path.pop();
                    }
                }
                _ => {}
            }
        }
        if !tensors.is_empty() {
            let path = path.clone();
            self.groups.push(Group {
                path,
                tensors,
                others,
            });
        }
    }
}

fn is_optimizer(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains("optim") || key.contains("scheduler") || key == "opt"
}

/// Returns the activation that a whole model's classes say, of which there may be none.
fn activation(pickle: &Pickle) -> Result<Option<Activation>, PickleError> {
    let mut found = None;
    for (module, name) in &pickle.unknown {
        let activation = match *name {
            _ if *module != ACTIVATIONS => continue,
            "Softmax" | "LogSoftmax" => continue,
            "ReLU" => Activation::Relu,
            "Sigmoid" => Activation::Sigmoid,
            "Tanh" => Activation::Tanh,
            "GELU" => Activation::Gelu,
            other => {
                return Err(PickleError::Refused(format!(
                    "the activation {}",
                    printable(other)
                )));
            }
        };
        if found
            .replace(activation)
            .is_some_and(|before| before != activation)
        {
            return Ok(None);
        }
    }
    Ok(found)
}
