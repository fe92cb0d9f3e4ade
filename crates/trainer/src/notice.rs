//! Notices from the library while it works. It prints nothing itself: a caller may show them.

use data::Download;

/// A notice for the user.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Information.
    Note(String),
    /// Something looks wrong, but the work continues.
    Warning(String),
    /// Progress of a data file's download.
    Download(Download<'a>),
}

/// Receives notices.
pub type Notify<'a> = &'a mut dyn FnMut(Notice);
