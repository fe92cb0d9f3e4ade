//! What all requests share.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::content::Served;
use crate::metrics::Metrics;
use crate::options::Limits;
use crate::work::Work;

/// What all requests share. A clone is the same service.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    served: RwLock<Arc<Served>>,
    limits: Limits,
    metrics: Metrics,
    /// Bytes of bodies that may still be held.
    bodies: Arc<Semaphore>,
    work: Work,
}

impl Service {
    pub fn new(served: Served, limits: Limits) -> Self {
        let metrics = Metrics::default();
        Self(Arc::new(Shared {
            served: RwLock::new(Arc::new(served)),
            bodies: Arc::new(Semaphore::new(limits.bodies)),
            work: Work::new(limits.answer, &metrics),
            metrics,
            limits,
        }))
    }

    /// Returns what is served now. A request uses one and the same from its start to its end.
    pub fn served(&self) -> Arc<Served> {
        let served = self.0.served.read();
        served.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what is served.
    pub fn replace(&self, served: Served) {
        let mut place = self
            .0
            .served
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Arc::new(served);
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn bodies(&self) -> &Arc<Semaphore> {
        &self.0.bodies
    }

    pub fn work(&self) -> &Work {
        &self.0.work
    }
}
