//! The fused step against Burn's own operations: loss, every gradient, and 100 steps, for every set of
//! instructions that this processor has.
#![allow(clippy::unwrap_used)]

#[path = "equivalence/case.rs"]
mod case;
#[path = "equivalence/reference.rs"]
mod reference;

use case::{HIDDEN, case, fused, kinds};
use kernels::{Instructions, Layer, Optimizer};
use reference::burn;

/// Asserts that no value differs by more than the first of the `tolerances`, and those of a layer on average by no more
/// than the second.
fn close(what: &str, ours: &[Layer], theirs: &[Layer], tolerances: [f32; 2]) {
    assert_eq!(ours.len(), theirs.len());
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        for (name, ours, theirs) in [
            ("weight", &ours.weight, &theirs.weight),
            ("bias", &ours.bias, &theirs.bias),
        ] {
            assert_eq!(ours.len(), theirs.len(), "{what} layer {i} {name}");
            let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
            let most = off.clone().fold(0.0, f32::max);
            let mean = off.sum::<f32>() / ours.len() as f32;
            assert!(
                most <= tolerances[0] && mean <= tolerances[1],
                "{what} layer {i} {name}: off by {most}, on average by {mean}"
            );
        }
    }
}

#[test]
fn the_first_step_has_burns_loss_and_gradients() {
    for hidden in HIDDEN {
        let case = case(hidden);
        for kind in kinds() {
            let mut theirs = burn(&case, &kind, 1);
            // After one step, the first memory is the gradient times (1 - beta_1), or the gradient.
            let (share, l2) = match kind.optimizer {
                Optimizer::Adam(adam) => (0.1, adam.l2),
                Optimizer::Sgd(sgd) => (1.0, sgd.l2),
            };
            for (gradient, layer) in theirs.gradients.iter_mut().zip(&case.layers) {
                let bias = (&mut gradient.bias, &layer.bias);
                for (g, w) in [(&mut gradient.weight, &layer.weight), bias] {
                    g.iter_mut()
                        .zip(w)
                        .for_each(|(g, w)| *g = (*g + l2 * w) * share);
                }
            }
            for instructions in Instructions::all() {
                let what = format!("{instructions} {hidden:?} {kind:?}");
                let (network, score) = fused(&case, &kind, 1, 2, instructions);
                assert!(
                    (score.loss - theirs.loss).abs() < 1e-4 * theirs.loss,
                    "{what}"
                );
                let ours = network.first_moments();
                close(&what, &ours, &theirs.gradients, [1e-6 * share; 2]);
                assert_eq!(
                    network.averages(),
                    kind.extras.average.map(|_| network.layers())
                );
            }
        }
    }
}

#[test]
fn a_hundred_steps_stay_with_burns() {
    for hidden in HIDDEN {
        let case = case(hidden);
        for kind in kinds() {
            let theirs = burn(&case, &kind, 100);
            for instructions in Instructions::all() {
                let what = format!("{instructions} {hidden:?} {kind:?}");
                let (network, score) = fused(&case, &kind, 100, 2, instructions);
                assert!(
                    (score.loss - theirs.loss).abs() < 1e-3 * theirs.loss,
                    "{what}"
                );
                // Rounding differs in the sums; Adam divides by gradients near 0, which magnifies it: a weight whose
                // gradient is rounding alone moves by 1e-3 a step, this way or that. There are few of these.
                let tolerances = match kind.optimizer {
                    Optimizer::Adam(_) => [5e-3, 5e-5],
                    Optimizer::Sgd(_) => [1e-4, 1e-5],
                };
                close(&what, &network.layers(), &theirs.layers, tolerances);
                if let Some(averages) = &theirs.averages {
                    close(&what, &network.averages().unwrap(), averages, tolerances);
                }
            }
        }
    }
}
