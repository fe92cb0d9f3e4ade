//! What a network does, explained: the notebook's theory with a trained network's own figures.
//!
//! Reading order: [`language`] → [`subject`] (the picture that is explained) → [`layers`] (a network, looked into) →
//! [`neuron`] (a weighted sum, term by term) → [`cost`] (what an answer costs) → [`step`] (one step downhill) →
//! [`answer`] (why this answer) → [`checks`] (what a run's figures say about it).
//!
//! Plain types in, plain types out: the command line, a report and a service show the same explanations.

pub mod answer;
pub mod checks;
pub mod cost;
pub mod language;
pub mod layers;
pub mod neuron;
pub mod step;
pub mod subject;

pub use language::Language;
pub use subject::Subject;
