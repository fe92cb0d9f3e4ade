//! A download of the four files of Fashion-MNIST: how far it is, and why it failed. The client, with its
//! TLS, is left out without the feature `download`.

#[cfg(feature = "download")]
mod client;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "download")]
pub use client::download;

/// A function like [`download`].
pub(crate) type Client =
    fn(&Path, &[String], &mut dyn FnMut(Download)) -> Result<Vec<PathBuf>, DownloadError>;

/// What downloads, if anything does.
#[cfg(feature = "download")]
pub(crate) const CLIENT: Option<Client> = Some(download);
#[cfg(not(feature = "download"))]
pub(crate) const CLIENT: Option<Client> = None;

/// How far a download is.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// The address.
    pub address: &'a str,
    /// The name of the file, without `.gz`.
    pub file: &'a str,
    /// Bytes received.
    pub done: u64,
    /// Bytes to receive, if the server says so.
    pub total: Option<u64>,
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The folder or a file in it cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No address gave the file.
    #[error("{file}: no address gave it{}", list(failures))]
    Failed {
        /// The name of the file.
        file: &'static str,
        /// Each address tried, with what went wrong.
        failures: Vec<(String, MirrorError)>,
    },
}

/// Why one address did not give a file.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// No answer, or not the wanted one.
    #[error("{0}")]
    Http(Box<dyn Error + Send + Sync>),
    /// The answer broke off, took too long or cannot be decompressed.
    #[error("the answer cannot be used: {0}")]
    Body(io::Error),
    /// The answer is too short or too long.
    #[error("has {} bytes uncompressed, expected {expected}",
            if *found > *expected { format!("more than {expected}") } else { found.to_string() })]
    Size {
        /// Bytes read; reading stops one byte after the expected end.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// The answer is not the published file.
    #[error("is another file: its SHA-256 is {found}, expected {expected}")]
    Checksum {
        /// Of the answer, uncompressed.
        found: String,
        /// As published.
        expected: &'static str,
    },
}

fn list(failures: &[(String, MirrorError)]) -> String {
    failures
        .iter()
        .map(|(address, error)| format!("\n    {address}: {error}"))
        .collect()
}
