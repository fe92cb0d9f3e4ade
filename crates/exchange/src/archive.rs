//! Zip archives, in memory: what `.npz` and `.pt` files are. Stored or deflated, with 64-bit sizes, which
//! NumPy and PyTorch write. <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>

use std::borrow::Cow;
use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::{ExchangeError, MAX_BYTES};

/// First bytes of a file in the archive, of its entry in the directory, and of the directory's end.
const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
/// Sizes of these, without names.
const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
const LOCATOR_64_SIZE: usize = 20;
/// In a field of 32 bits: the value is in the entry's extra fields.
const ELSEWHERE: u64 = 0xffff_ffff;
const STORED: u64 = 0;
const DEFLATED: u64 = 8;
/// Most files in an archive that is read: each is looked for among all.
const MOST_FILES: usize = 10_000;
/// What an archive unpacks to: at most so many times its size, and some room for small ones. Trained weights
/// shrink by a tenth; those of 64-bit floats that were of 32, by half.
pub const MOST_GROWTH: u64 = 16;
/// Bytes that an archive may always unpack to.
pub const SMALL: u64 = 1 << 20;
/// 1 January 1980: archives have no date, so that equal content makes equal bytes.
const DATE: u16 = 0x21;

/// An archive that is being read.
pub struct Archive<'a> {
    bytes: &'a [u8],
    format: &'static str,
    entries: Vec<Entry>,
    /// Bytes that all files have together, unpacked.
    size: u64,
    /// Bytes that may still be taken out, so that nothing is unpacked again and again.
    left: u64,
}

struct Entry {
    name: String,
    method: u64,
    crc: u64,
    compressed: u64,
    size: u64,
    offset: u64,
}

impl<'a> Archive<'a> {
    /// Opens the archive in `bytes`; `format` is what errors call it.
    ///
    /// # Errors
    /// When it has no directory, a damaged one, files that share bytes, or would grow too much when unpacked.
    pub fn open(bytes: &'a [u8], format: &'static str) -> Result<Self, ExchangeError> {
        let damaged = |reason: &str| ExchangeError::damaged(format, reason);
        let entries = entries(bytes).ok_or_else(|| damaged("its zip is damaged"))?;
        if entries.len() > MOST_FILES {
            return Err(damaged("its zip has too many files"));
        }
        let total = |size: fn(&Entry) -> u64| entries.iter().map(size).fold(0, u64::saturating_add);
        let (size, compressed) = (total(|entry| entry.size), total(|entry| entry.compressed));
        let length = bytes.len() as u64;
        if compressed > length {
            return Err(damaged("files in its zip share bytes"));
        }
        if size > MAX_BYTES {
            return Err(ExchangeError::TooLarge);
        }
        if size > MOST_GROWTH * length + SMALL {
            return Err(ExchangeError::Unsupported {
                what: format!(
                    "the file unpacks to {size} bytes, over {MOST_GROWTH} times its size"
                ),
                hint: "save it without compression, as numpy.savez and torch.save do",
            });
        }
        Ok(Self {
            bytes,
            format,
            entries,
            size,
            left: size,
        })
    }

    /// Returns the bytes that all files have together, unpacked.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the names in the archive, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Returns the content of `name`.
    ///
    /// # Errors
    /// When it is not there, or its size or checksum is not what the directory says.
    pub fn read(&mut self, name: &str) -> Result<Cow<'a, [u8]>, ExchangeError> {
        let damaged = |reason: &str| {
            let name = crate::error::printable(name);
            ExchangeError::damaged(self.format, format_args!("{name} in its zip {reason}"))
        };
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| damaged("is missing"))?;
        self.left = self
            .left
            .checked_sub(entry.size)
            .ok_or_else(|| damaged("is there twice"))?;
        let data = data(self.bytes, entry).ok_or_else(|| damaged("is cut off"))?;
        let content = match entry.method {
            STORED => Cow::Borrowed(data),
            DEFLATED => Cow::Owned(inflate(data, entry.size).ok_or_else(|| damaged("is damaged"))?),
            _ => return Err(damaged("is compressed in another way than by deflate")),
        };
        let mut crc = Crc::new();
        crc.update(&content);
        if content.len() as u64 != entry.size || u64::from(crc.sum()) != entry.crc {
            return Err(damaged("is damaged"));
        }
        Ok(content)
    }
}

/// Returns what is deflated in `data`, if it is `size` bytes, which the caller has bounded.
fn inflate(data: &[u8], size: u64) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size).ok()?);
    let mut decoder = DeflateDecoder::new(data).take(size);
    decoder.read_to_end(&mut content).ok()?;
    Some(content)
}

/// Returns what the directory lists.
fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    // A comment of up to 64 KiB may follow the end.
    let tail = bytes.len().saturating_sub(END_SIZE + 0xffff);
    let found = bytes
        .get(tail..)?
        .windows(END.len())
        .rposition(|window| window == END)?;
    let end = bytes.get(tail + found..)?;
    let comment = number(end, 20, 2)?;
    (end.len() as u64 == END_SIZE as u64 + comment).then_some(())?;
    let (mut count, mut start) = (number(end, 10, 2)?, number(end, 16, 4)?);
    if count == 0xffff || start == ELSEWHERE {
        let locator = bytes.get((tail + found).checked_sub(LOCATOR_64_SIZE)?..)?;
        let locator = locator.starts_with(LOCATOR_64).then_some(locator)?;
        let end = bytes.get(usize::try_from(number(locator, 8, 8)?).ok()?..)?;
        let end = end.starts_with(END_64).then_some(end)?;
        (count, start) = (number(end, 32, 8)?, number(end, 48, 8)?);
    }
    let mut rest = bytes.get(usize::try_from(start).ok()?..)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(entry(&mut rest)?); // ends with the bytes, whatever the count
    }
    Some(entries)
}

/// Takes an entry off the directory.
fn entry(rest: &mut &[u8]) -> Option<Entry> {
    let header = rest.starts_with(CENTRAL).then_some(*rest)?;
    let length = |at| number(header, at, 2).map(|length| length as usize);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let (name, after) = header.get(CENTRAL_SIZE..)?.split_at_checked(name)?;
    let (extra, after) = after.split_at_checked(extra)?;
    *rest = after.get(comment..)?;
    let is_encrypted = number(header, 8, 2)? & 1 == 1;
    let mut sizes = [
        number(header, 24, 4)?,
        number(header, 20, 4)?,
        number(header, 42, 4)?,
    ];
    let mut large = large_sizes(extra);
    for size in &mut sizes {
        if *size == ELSEWHERE {
            let (first, others) = large.split_first_chunk::<8>()?;
            *size = u64::from_le_bytes(*first);
            large = others;
        }
    }
    let [size, compressed, offset] = sizes;
    (!is_encrypted).then_some(Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: number(header, 10, 2)?,
        crc: number(header, 16, 4)?,
        compressed,
        size,
        offset,
    })
}

/// Returns the extra field with 64-bit sizes; nothing when there is none.
fn large_sizes(mut extra: &[u8]) -> &[u8] {
    while let (Some(kind), Some(length)) = (number(extra, 0, 2), number(extra, 2, 2)) {
        let end = 4 + length as usize;
        if kind == 1 {
            return extra.get(4..end).unwrap_or_default();
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}

/// Returns the bytes of a file as they are in the archive.
fn data<'a>(bytes: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let local = bytes.get(usize::try_from(entry.offset).ok()?..)?;
    let local = local.starts_with(LOCAL).then_some(local)?;
    let names = number(local, 26, 2)? + number(local, 28, 2)?;
    let data = local.get(LOCAL_SIZE + names as usize..)?;
    data.get(..usize::try_from(entry.compressed).ok()?)
}

/// Returns the number of `size` bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + size)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}

/// Returns an archive of `files`, names and content, stored as they are. All together they must have less
/// than 4 GB.
pub fn write(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = archive.len() as u32;
        let mut crc = Crc::new();
        crc.update(content);
        let mut header = Vec::new(); // from the version needed to the length of the extra fields
        for field in [20, 0, STORED as u16, 0, DATE] {
            header.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), content.len() as u32, content.len() as u32] {
            header.extend(field.to_le_bytes());
        }
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0, 0]);
        archive.extend([LOCAL, &header, name.as_bytes(), content].concat());
        let place = [&[0; 10][..], &offset.to_le_bytes()].concat();
        directory.extend([CENTRAL, &[20, 0], &header, &place, name.as_bytes()].concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let size = (directory.len() as u32).to_le_bytes();
    let start = (archive.len() as u32).to_le_bytes();
    let end = [END, &[0; 4], &count, &count, &size, &start, &[0; 2]].concat();
    [archive, directory, end].concat()
}
