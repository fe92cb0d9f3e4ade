//! What the library tells while it works. It prints nothing itself: a caller shows it, or does not.

use data::Download;

/// Something worth telling.
#[derive(Debug)]
pub enum Notice<'a> {
    /// How things stand.
    Note(String),
    /// What looks wrong, though the work goes on.
    Warning(String),
    /// How far the download of a data file is.
    Download(Download<'a>),
}

/// Receives notices.
pub type Notify<'a> = &'a mut dyn FnMut(Notice);
