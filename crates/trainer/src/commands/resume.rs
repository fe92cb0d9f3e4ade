//! `trainer resume`: resumes a run.

use super::signals::Signals;
use super::train::{finish, introduce, messages};
use crate::cli::ResumeArgs;
use crate::failure::Failure;
use crate::format::quoted;
use crate::resume::{self, Request};

/// Trains the rest of a run, from its newest valid checkpoint or, if there is none, from the beginning. Of a
/// finished run nothing is left.
///
/// # Errors
/// When the run, its data or its backend has changed (exit code 2); when the training fails.
pub fn run(args: ResumeArgs) -> Result<(), Failure> {
    let messages = messages(args.show)?;
    let signals = Signals::listen()?;
    let request = Request {
        run: args.run,
        set: args.set,
        data_dir: args.data_dir,
    };
    let Some(resumable) = resume::open(&request, &mut messages.listener())? else {
        return Ok(());
    };
    introduce(&resumable.prepared, messages);
    let state = &resumable.start.state;
    messages.note(format_args!(
        "resume  {} at epoch {}, step {}",
        resumable.run.path().display(),
        state.epoch,
        state.step + 1
    ));
    let stop = signals.ask_first();
    let session = resumable.begin()?;
    let name = quoted(session.run.path());
    finish(session, args.show, stop, Some(name)).map(drop)
}
