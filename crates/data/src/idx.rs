//! The IDX format of MNIST and its relatives: a magic number, the dimensions, then one byte per value.
//! Format: <https://github.com/cvdfoundation/mnist> ("File Formats"); all numbers are big-endian.
//!
//! A file may be plain or compressed with gzip. Nothing it claims is believed: the header is checked
//! against the size of the file before memory is reserved, and decompression stops one byte after
//! the content should have ended.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::sources::strangers;

const IMAGES_MAGIC: u32 = 0x0000_0803; // bytes, three dimensions
const COLOUR_IMAGES_MAGIC: u32 = 0x0000_0804; // bytes, four dimensions
const LABELS_MAGIC: u32 = 0x0000_0801; // bytes, one dimension
/// 32-bit numbers, two dimensions: QMNIST's labels, of which the class is the first of eight
/// (<https://github.com/facebookresearch/qmnist>).
const WIDE_LABELS_MAGIC: u32 = 0x0000_0c02;
/// One byte of deflate gives 1032 bytes at most: <https://zlib.net/zlib_tech.html>.
const DEFLATE_LIMIT: u64 = 1032;

/// Grey images of one size, as bytes: 0 is black.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Number of images.
    pub count: usize,
    /// Height of each, in pixels.
    pub height: usize,
    /// Width of each, in pixels.
    pub width: usize,
    /// `[count, height, width]`, row-major.
    pub pixels: Vec<u8>,
}

impl Images {
    /// Returns the pixels of image `i`, `[height * width]`. Panics if `i >= count`, as slices do.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "documented; the caller counts")]
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.height * self.width;
        &self.pixels[i * size..][..size]
    }

    /// Returns the SHA-256 of these images as an uncompressed IDX file, in lower-case hex.
    pub fn sha256(&self) -> String {
        sha256(&images_header(self), &self.pixels)
    }
}

/// Why a file is not a usable IDX file.
#[derive(Debug, thiserror::Error)]
pub enum IdxError {
    /// The operating system could not read it.
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was read, and is wrong.
    #[error("{}: {field} at byte {offset} {problem}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// The part of the format: `magic`, `count`, `height`, `width`, `pixels` or `labels`.
        field: &'static str,
        /// Where that part begins, counted in the uncompressed content.
        offset: u64,
        /// What is wrong with it, as the rest of a sentence.
        problem: String,
    },
}

/// Returns the images in a file, plain or gzip.
pub fn read_images(file: &Path) -> Result<Images, IdxError> {
    let (source, length) = open(file)?;
    parse_images(file, source, length)
}

/// Returns the images in a file of three or four dimensions, `[count, channels, height, width]` row-major, and these
/// dimensions; without channels there is one.
pub(crate) fn read_any_images(file: &Path) -> Result<([usize; 4], Vec<u8>), IdxError> {
    let (source, length) = open(file)?;
    let mut content = Content::open(file, source, length)?;
    let magic = content.magic(&[IMAGES_MAGIC, COLOUR_IMAGES_MAGIC])?;
    let count = content.dimension("count")?;
    let channels = if magic == COLOUR_IMAGES_MAGIC {
        content.dimension("channels")?
    } else {
        1
    };
    let (height, width) = (content.dimension("height")?, content.dimension("width")?);
    let shape = [count, channels, height, width];
    let size = shape.iter().try_fold(1u64, |all, n| all.checked_mul(*n));
    let claim = format!("{count} x {channels} x {height} x {width}");
    let pixels = content.rest("pixels", size, &claim)?;
    Ok((shape.map(|n| n as usize), pixels)) // their product is the length of a vector
}

/// Returns the labels in a file, plain or gzip.
pub fn read_labels(file: &Path) -> Result<Vec<u8>, IdxError> {
    let (source, length) = open(file)?;
    parse_labels(file, source, length)
}

/// Returns the images in `source`, which has `length` bytes as stored, plain or gzip. `name` is for
/// errors only.
pub fn parse_images(name: &Path, source: impl Read, length: u64) -> Result<Images, IdxError> {
    let mut content = Content::open(name, source, length)?;
    content.magic(&[IMAGES_MAGIC])?;
    let count = content.dimension("count")?;
    let height = content.dimension("height")?;
    let width = content.dimension("width")?;
    let size = count
        .checked_mul(height)
        .and_then(|rows| rows.checked_mul(width));
    let claim = format!("{count} x {height} x {width}");
    let pixels = content.rest("pixels", size, &claim)?;
    // No dimension is cut short: their product is the length of a vector.
    let [count, height, width] = [count, height, width].map(|n| n as usize);
    Ok(Images {
        count,
        height,
        width,
        pixels,
    })
}

/// Returns the labels in `source`, which has `length` bytes as stored, plain or gzip. `name` is for
/// errors only.
pub fn parse_labels(name: &Path, source: impl Read, length: u64) -> Result<Vec<u8>, IdxError> {
    let mut content = Content::open(name, source, length)?;
    if content.magic(&[LABELS_MAGIC, WIDE_LABELS_MAGIC])? == WIDE_LABELS_MAGIC {
        return wide_labels(content);
    }
    let count = content.dimension("count")?;
    content.rest("labels", Some(count), &count.to_string())
}

/// Returns the first of the numbers of each row: the class.
fn wide_labels(mut content: Content) -> Result<Vec<u8>, IdxError> {
    let count = content.dimension("count")?;
    let numbers = content.dimension("numbers a label")?;
    let size = count
        .checked_mul(numbers)
        .and_then(|numbers| numbers.checked_mul(4));
    let bytes = content.rest("labels", size, &format!("{count} x {numbers} x 4"))?;
    let rows = bytes.chunks_exact((4 * numbers) as usize); // within what memory holds
    let class = |row: &[u8]| {
        let first = row.first_chunk().map(|four| u32::from_be_bytes(*four));
        first.and_then(|class| u8::try_from(class).ok())
    };
    let labels: Option<Vec<u8>> = rows.map(class).collect();
    labels.ok_or_else(|| content.error("labels", "has a class above 255".into()))
}

/// Returns the images as a plain IDX file.
pub fn write_images(images: &Images) -> Vec<u8> {
    [&images_header(images)[..], &images.pixels].concat()
}

/// Returns the labels as a plain IDX file.
pub fn write_labels(labels: &[u8]) -> Vec<u8> {
    [&labels_header(labels)[..], labels].concat()
}

/// Returns the SHA-256 of these labels as an uncompressed IDX file, in lower-case hex.
pub fn labels_sha256(labels: &[u8]) -> String {
    sha256(&labels_header(labels), labels)
}

/// Returns `source` as it is or, if it begins with gzip's two magic bytes, decompressed. The second
/// value says which. Checksums inside the gzip stream are verified when its end is read.
pub(crate) fn decoded<'a>(mut source: impl Read + 'a) -> io::Result<(Box<dyn Read + 'a>, bool)> {
    let mut start = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut start)?;
    let compressed = start == [0x1f, 0x8b];
    let whole = io::Cursor::new(start).chain(source);
    Ok(if compressed {
        (Box::new(MultiGzDecoder::new(whole)), true)
    } else {
        (Box::new(whole), false)
    })
}

/// Returns a digest in lower-case hex.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Content that is being read from front to back.
struct Content<'a> {
    name: &'a Path,
    source: Box<dyn Read + 'a>,
    compressed: bool,
    length: u64,
    offset: u64,
}

impl<'a> Content<'a> {
    fn open(name: &'a Path, source: impl Read + 'a, length: u64) -> Result<Self, IdxError> {
        let (source, compressed) = decoded(source).map_err(|source| io_error(name, source))?;
        Ok(Content {
            name,
            source,
            compressed,
            length,
            offset: 0,
        })
    }

    /// Returns which of these the content begins with; the first is named if it is none.
    fn magic(&mut self, expected: &[u32]) -> Result<u32, IdxError> {
        let found = self.word("magic")?;
        if expected.contains(&found) {
            return Ok(found);
        }
        let stranger = strangers::describe(&found.to_be_bytes());
        let guess = match (found, stranger) {
            (IMAGES_MAGIC, _) => "this is an image file",
            (LABELS_MAGIC | WIDE_LABELS_MAGIC, _) => "this is a label file",
            (_, Some(stranger)) => &format!("this is not an IDX file but {}", stranger.what),
            (_, None) => "this is not an IDX file of bytes",
        };
        let expected = expected.first().copied().unwrap_or_default();
        let problem = format!("is 0x{found:08x}, expected 0x{expected:08x} ({guess})");
        Err(self.error("magic", problem))
    }

    fn dimension(&mut self, field: &'static str) -> Result<u64, IdxError> {
        match self.word(field)? {
            0 => Err(self.error(field, "is 0".into())),
            n => Ok(n.into()),
        }
    }

    /// Reads four bytes. `offset` moves on with the next word, so that errors point at this one.
    fn word(&mut self, field: &'static str) -> Result<u32, IdxError> {
        if field != "magic" {
            self.offset += 4;
        }
        let mut bytes = Vec::with_capacity(4);
        self.read(field, 4, &mut bytes)?;
        match <[u8; 4]>::try_from(&bytes[..]) {
            Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
            Err(_) => {
                let end = self.offset + bytes.len() as u64;
                Err(self.error(
                    field,
                    format!("is cut off: the content ends after {end} bytes"),
                ))
            }
        }
    }

    /// Reads exactly `size` values, which must be all that is left. `None` stands for an overflow.
    fn rest(
        &mut self,
        field: &'static str,
        size: Option<u64>,
        claim: &str,
    ) -> Result<Vec<u8>, IdxError> {
        self.offset += 4;
        let size = match size {
            Some(size) if usize::try_from(size).is_ok_and(|n| n < isize::MAX as usize) => size,
            _ => {
                return Err(self.error(
                    field,
                    format!("claim {claim} bytes, more than memory can hold"),
                ));
            }
        };
        let stored = self.length.saturating_sub(self.offset);
        if !self.compressed && stored != size {
            return Err(self.wrong_length(field, stored, size, claim));
        }
        if self.compressed && size > self.length.saturating_mul(DEFLATE_LIMIT) {
            let problem = format!(
                "claim {claim} bytes, which {} compressed bytes cannot hold",
                self.length
            );
            return Err(self.error(field, problem));
        }
        // In one piece, so that nothing is copied as it grows; memory is taken as content comes, not by
        // what the header claims.
        let mut values = Vec::new();
        if values.try_reserve_exact(size as usize + 1).is_err() {
            return Err(self.error(
                field,
                format!("claim {claim} bytes, more than there is memory"),
            ));
        }
        // One more than wanted: it tells content that is too long, and reading the end of a gzip
        // stream is what verifies its checksum.
        self.read(field, size + 1, &mut values)?;
        if values.len() as u64 == size {
            Ok(values)
        } else {
            Err(self.wrong_length(field, values.len() as u64, size, claim))
        }
    }

    fn wrong_length(&self, field: &'static str, found: u64, size: u64, claim: &str) -> IdxError {
        let problem = match size.checked_sub(found) {
            Some(missing) => format!("should be {claim} bytes, {missing} are missing"),
            None if self.compressed => format!("should be {claim} bytes, more follow"),
            None => format!("should be {claim} bytes, {} more follow", found - size),
        };
        self.error(field, problem)
    }

    /// Reads up to `limit` bytes to the end of `into`.
    fn read(
        &mut self,
        field: &'static str,
        limit: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), IdxError> {
        match self.source.by_ref().take(limit).read_to_end(into) {
            Ok(_) => Ok(()),
            Err(error) if self.compressed && is_damage(&error) => {
                Err(self.error(field, format!("cannot be decompressed: {error}")))
            }
            Err(error) => Err(io_error(self.name, error)),
        }
    }

    fn error(&self, field: &'static str, problem: String) -> IdxError {
        let file = self.name.to_path_buf();
        IdxError::Content {
            file,
            field,
            offset: self.offset,
            problem,
        }
    }
}

/// Whether an error comes from the decoder and not from the disk.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// Opens a regular file, and nothing that could block or never end. Returns its size as well.
fn open(file: &Path) -> Result<(BufReader<File>, u64), IdxError> {
    let meta = fs::metadata(file).map_err(|source| io_error(file, source))?;
    if !meta.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(io_error(file, source));
    }
    let opened = File::open(file).map_err(|source| io_error(file, source))?;
    Ok((BufReader::with_capacity(1 << 16, opened), meta.len()))
}

fn io_error(file: &Path, source: io::Error) -> IdxError {
    IdxError::Io {
        file: file.to_path_buf(),
        source,
    }
}

fn images_header(images: &Images) -> Vec<u8> {
    header(&[images.count, images.height, images.width])
}

fn labels_header(labels: &[u8]) -> Vec<u8> {
    header(&[labels.len()])
}

/// Returns the header of a file of bytes with these dimensions, at most 255 of them.
pub(crate) fn header(dimensions: &[usize]) -> Vec<u8> {
    let mut header = vec![0, 0, 8, dimensions.len() as u8];
    for &size in dimensions {
        header.extend((size as u32).to_be_bytes());
    }
    header
}

/// Returns the dimensions of images in a file: those of grey images have no channels.
pub(crate) fn dimensions(count: usize, [channels, height, width]: [usize; 3]) -> Vec<usize> {
    match channels {
        1 => vec![count, height, width],
        _ => vec![count, channels, height, width],
    }
}

/// Returns the SHA-256 of a header and what follows it, in lower-case hex.
pub(crate) fn sha256(header: &[u8], values: &[u8]) -> String {
    hex(&Sha256::new()
        .chain_update(header)
        .chain_update(values)
        .finalize())
}
