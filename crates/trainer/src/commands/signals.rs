//! What Ctrl-C (SIGINT) and SIGTERM do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Code, Failure};

/// The two signals, listened to.
pub(super) struct Signals {
    code: Arc<AtomicUsize>,
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// Makes either signal end the process at once, with its exit code: as long as data is being read or
    /// downloaded, there is nothing to save.
    ///
    /// # Errors
    /// When the system refuses (exit code 2).
    pub fn listen() -> Result<Self, Failure> {
        let (code, at_once) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(true)),
        );
        for (signal, ends_with) in [(SIGINT, Code::Interrupted), (SIGTERM, Code::Terminated)] {
            // In this order: a first signal finds `at_once` unset, and sets it for the second.
            flag::register_conditional_shutdown(signal, ends_with as i32, at_once.clone())
                .and_then(|_| flag::register(signal, at_once.clone()))
                .and_then(|_| flag::register_usize(signal, code.clone(), ends_with as usize))
                .map_err(|e| Failure::usage("cannot listen for signals").because(e))?;
        }
        Ok(Self { code, at_once })
    }

    /// Makes the first signal a request from here on: it sets what is returned, 0 before, to the exit
    /// code that the training then ends with, between two steps. A second signal ends the process.
    pub fn ask_first(self) -> Arc<AtomicUsize> {
        self.at_once.store(false, SeqCst);
        self.code
    }
}
