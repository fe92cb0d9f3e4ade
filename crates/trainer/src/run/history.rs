//! The finished epochs, shared by a training and its checkpoints.
//!
//! A copy in every checkpoint would grow with the epochs and be freed by another thread than allocated it;
//! allocators then keep freed blocks of every size.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::epoch::EpochMetrics;

/// Epochs, first to last. They are only appended, never changed, so a clone is just the number of epochs at
/// that time.
#[derive(Debug, Clone, Default)]
pub struct History {
    all: Arc<Mutex<Vec<EpochMetrics>>>,
    len: usize,
}

impl History {
    /// Appends an epoch. Clones do not change.
    pub fn push(&mut self, epoch: EpochMetrics) {
        if self.all().len() > self.len {
            // A clone has appended other epochs.
            *self = Self::from(self.to_vec());
        }
        self.all().push(epoch);
        self.len += 1;
    }

    /// Returns the number of epochs.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the epochs.
    pub fn to_vec(&self) -> Vec<EpochMetrics> {
        self.all().iter().take(self.len).cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<EpochMetrics>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Vec<EpochMetrics>> for History {
    fn from(epochs: Vec<EpochMetrics>) -> Self {
        let len = epochs.len();
        let all = Arc::new(Mutex::new(epochs));
        Self { all, len }
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.to_vec() == other.to_vec()
    }
}

/// Serialized as a list, without copying it.
impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all().iter().take(self.len))
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use experiment::Figures;

    use super::*;

    fn epoch(number: usize) -> EpochMetrics {
        EpochMetrics {
            epoch: number,
            learning_rate: 0.1,
            train: Figures::find(|key| Some(if key == "loss" { 0.5 } else { 0.75 })),
            validation: None,
            seconds: 1.0,
        }
    }

    #[test]
    fn clones_keep_what_they_were_and_go_their_own_ways() {
        let mut history = History::default();
        history.push(epoch(1));
        let mut other = history.clone();
        history.push(epoch(2));
        assert_eq!(other.to_vec(), [epoch(1)]);
        other.push(epoch(7));
        assert_eq!(other.to_vec(), [epoch(1), epoch(7)]);
        assert_eq!(history.to_vec(), [epoch(1), epoch(2)]);
    }

    #[test]
    fn it_is_written_as_a_list() {
        let epochs = vec![epoch(1), epoch(2)];
        let mut history = History::from(epochs.clone());
        let before = history.clone();
        history.push(epoch(3));
        let json = serde_json::to_string(&before).unwrap_or_default();
        assert_eq!(json, serde_json::to_string(&epochs).unwrap_or_default());
        let read: Option<History> = serde_json::from_str(&json).ok();
        assert_eq!(read, Some(before));
    }
}
