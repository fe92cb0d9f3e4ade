//! Detecting and reporting that a training has diverged.

use crate::failure::{Failure, FailureKind};

/// Mean loss of an epoch above which a training has diverged. Guessing costs the logarithm of the number of
/// classes, at most 5.5.
const DIVERGED: f64 = 1e4;
/// Number of images named in the message.
const SHOWN: usize = 8;
/// The hint.
const SMALLER_RATE: &str =
    "the learning rate is probably too high: --set optimizer.learning_rate=...";

/// Returns whether an epoch's mean loss so far shows divergence.
pub fn has_come(mean_loss: f64) -> bool {
    !mean_loss.is_finite() || mean_loss > DIVERGED
}

/// Returns the failure of a step, counted from 0, after which the epoch's mean loss is `mean_loss`; `batch` has
/// the numbers of its training images.
pub fn at(epoch: usize, step: usize, mean_loss: f64, batch: &[u32]) -> Failure {
    let shown: Vec<String> = batch.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if batch.len() > SHOWN { ", ..." } else { "" };
    let what = if mean_loss.is_finite() {
        format!("{mean_loss:.2e}")
    } else {
        "not a finite number".to_string()
    };
    failure(format!(
        "the training loss is {what} at epoch {epoch}, step {} (training images {}{more})",
        step + 1,
        shown.join(", "),
    ))
}

/// Returns a failure with the usual cause as its hint.
pub fn failure(message: String) -> Failure {
    Failure::failed(message)
        .of_kind(FailureKind::Diverged)
        .hint(SMALLER_RATE)
}

/// Fails when `loss` is NaN or infinite; `what` names it.
///
/// # Errors
/// With the usual cause as a hint.
pub fn refuse(loss: f64, what: &str) -> Result<(), Failure> {
    if loss.is_finite() {
        Ok(())
    } else {
        Err(failure(format!("{what} is not a finite number")))
    }
}
