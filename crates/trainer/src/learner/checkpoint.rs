//! What the loop over epochs hands to the writer of checkpoints.

use burn::module::Module;
use model::{LayerWeights, record};

use super::divergence;
use super::epochs::{Burn, Epochs, Event};
use super::state::{BEST, OPTIMIZER, Parts, State, WEIGHTS};
use crate::failure::Failure;
use crate::run::checkpoint::Checkpoint;

impl Epochs {
    /// Hands a checkpoint to its writer. One that `must` be written waits for its turn.
    pub(super) fn checkpoint(
        &self,
        state: &State,
        burn: &mut Burn,
        must: bool,
    ) -> Result<(), Failure> {
        for failure in self.checkpoints.failures() {
            let warning = format!("{}; training goes on", failure.message);
            (self.observer.borrow_mut())(Event::Warning(warning))?;
        }
        if !self.checkpoints.is_wanted(must) {
            return Ok(());
        }
        let parts = self.parts(state, burn).map_err(|e| {
            let place = format!("epoch {}, step {}", state.epoch, state.step);
            divergence::failure(format!("training has diverged by {place}: {e}"))
        })?;
        let state = state.clone();
        self.checkpoints.write(Checkpoint { state, parts }, must);
        Ok(())
    }

    fn parts(&self, state: &State, burn: &mut Burn) -> Result<Parts, record::RecordError> {
        let config = burn.shape.mlp.config().clone();
        let mut parts = match &self.fused {
            Some(fused) => fused.parts()?,
            None => {
                let bytes = self.optimizer_bytes(state, burn)?;
                let weights = burn.learner.model().valid().mlp.weights()?;
                let weights = record::layers_to_bytes(&weights, &config)?;
                Parts::from([(OPTIMIZER, bytes), (WEIGHTS, weights)])
            }
        };
        if let Some(best) = &*self.best.borrow() {
            parts.insert(BEST, record::layers_to_bytes(best, &config)?);
        }
        Ok(parts)
    }

    fn optimizer_bytes(
        &self,
        state: &State,
        burn: &mut Burn,
    ) -> Result<Vec<u8>, record::RecordError> {
        let failed = |e: &dyn std::fmt::Display| record::RecordError::Device(e.to_string());
        let Burn {
            learner,
            checkpointer,
            store,
            ..
        } = burn;
        let checkpointer = checkpointer.as_mut();
        let checkpointer = checkpointer.ok_or_else(|| failed(&"no checkpointer is set"))?;
        checkpointer.checkpoint(learner, state.epoch, store);
        let record = self.optimizer.recv().map_err(|e| failed(&e))?;
        let bytes = record.into_bytes().map_err(|e| failed(&e))?;
        Ok(bytes.to_vec())
    }

    /// Returns the weights as they are.
    pub(super) fn weights(&self, burn: &Burn) -> Result<Vec<LayerWeights>, Failure> {
        let weights = self.model(burn)?.mlp.weights();
        weights.map_err(Failure::failed)
    }
}
