//! Notices from the library while it works. It prints nothing itself: a caller may show them.

use data::Progress;

/// A notice for the user.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Information.
    Note(String),
    /// Something looks wrong, but the work continues.
    Warning(String),
    /// How far a download, reading pictures or writing an import is.
    Progress(Progress<'a>),
}

/// Receives notices.
pub type Notify<'a> = &'a mut dyn FnMut(Notice);
