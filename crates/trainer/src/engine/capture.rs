//! Getting the optimizer state out of Burn's `Learner`, which passes it only to its checkpointers.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use burn::optim::OptimizerRecord;
use burn::optim::lr_scheduler::LrSchedulerRecord;
use burn::store::ModuleRecord;
use burn::train::checkpoint::{
    Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;

/// A checkpointer that sends every optimizer record to its receiver instead of saving it.
pub struct Capture(Mutex<Sender<OptimizerRecord>>);

/// A checkpointer that saves nothing: weights and schedule are read directly.
pub struct Ignore;

/// A strategy that saves whenever it is asked.
pub struct Always;

impl Capture {
    /// Returns a capture and the receiver of its records.
    pub fn new() -> (Self, Receiver<OptimizerRecord>) {
        let (sender, receiver) = channel();
        (Self(Mutex::new(sender)), receiver)
    }
}

impl Checkpointer<OptimizerRecord> for Capture {
    fn save(&self, _: usize, record: OptimizerRecord) -> Result<(), CheckpointerError> {
        let sender = self.0.lock().map_err(|_| nothing_saved())?;
        sender.send(record).map_err(|_| nothing_saved())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<OptimizerRecord, CheckpointerError> {
        Err(nothing_saved())
    }
}

impl Checkpointer<ModuleRecord> for Ignore {
    fn save(&self, _: usize, _: ModuleRecord) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<ModuleRecord, CheckpointerError> {
        Err(nothing_saved())
    }
}

impl Checkpointer<LrSchedulerRecord> for Ignore {
    fn save(&self, _: usize, _: LrSchedulerRecord) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn delete(&self, _: usize) -> Result<(), CheckpointerError> {
        Ok(())
    }

    fn restore(&self, _: usize) -> Result<LrSchedulerRecord, CheckpointerError> {
        Err(nothing_saved())
    }
}

impl CheckpointingStrategy for Always {
    fn checkpointing(&mut self, _: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        vec![CheckpointingAction::Save]
    }
}

fn nothing_saved() -> CheckpointerError {
    CheckpointerError::Unknown("nobody listens".to_string())
}
