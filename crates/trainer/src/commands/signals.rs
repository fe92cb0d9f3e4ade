//! Handling of Ctrl-C (SIGINT) and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Code, Failure};

/// A handler of the two signals.
pub(super) struct Signals {
    code: Arc<AtomicUsize>,
    at_once: Arc<AtomicBool>,
}

impl Signals {
    /// Makes either signal end the process at once with its exit code: while data is read or downloaded, there is
    /// nothing to save.
    ///
    /// # Errors
    /// When the system refuses (exit code 2).
    pub fn listen() -> Result<Self, Failure> {
        let (code, at_once) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(true)),
        );
        for (signal, ends_with) in [(SIGINT, Code::Interrupted), (SIGTERM, Code::Terminated)] {
            // In this order: the first signal finds `at_once` unset, and sets it for the second.
            flag::register_conditional_shutdown(signal, ends_with as i32, at_once.clone())
                .and_then(|_| flag::register(signal, at_once.clone()))
                .and_then(|_| flag::register_usize(signal, code.clone(), ends_with as usize))
                .map_err(|e| Failure::usage("cannot listen for signals").because(e))?;
        }
        Ok(Self { code, at_once })
    }

    /// Makes the first signal a request from now on. The returned value, at first 0, is then set to the exit code
    /// with which the training stops between two steps. A second signal ends the process.
    pub fn ask_first(self) -> Arc<AtomicUsize> {
        self.at_once.store(false, SeqCst);
        self.code
    }
}
