//! A Parquet file's columns, value by value.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::footer::{self, Chunk, Column, Footer, Values};
use super::page::{self, Header, Layout};
use super::thrift::varint;
use super::unusable;
use crate::folder::FolderError;

/// The longest header of a page: it may hold the smallest and the largest value.
const HEADER: u64 = 64 << 10;

/// An open file.
pub struct Table {
    pub path: PathBuf,
    pub footer: Footer,
    file: File,
    length: u64,
}

/// Takes a value; `None` is null.
type Each<'a> = dyn FnMut(Option<&[u8]>) -> Result<(), FolderError> + 'a;

/// The pages of a chunk that are still to be read.
struct Pages<'a> {
    table: &'a mut Table,
    at: u64,
    end: u64,
}

/// The values that the pages of a chunk name by their place.
struct Dictionary {
    bytes: Vec<u8>,
    entries: Vec<Range<usize>>,
}

impl Table {
    /// Opens a file and reads what it says of itself.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io {
            dir: path.into(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let footer = footer::read(&mut file, length).map_err(|problem| unusable(path, problem))?;
        // Every picture takes many bytes.
        if footer.rows > length {
            let problem = format!("claims {} rows, and has {length} bytes", footer.rows);
            return Err(unusable(path, problem));
        }
        Ok(Self {
            path: path.into(),
            footer,
            file,
            length,
        })
    }

    /// Gives `each` the values of a column, in the order of the rows; `None` is null. Whole numbers are little-endian.
    /// Memory is that of a page and a dictionary.
    pub fn values(&mut self, column: usize, each: &mut Each) -> Result<(), FolderError> {
        let failed = |path: &Path, problem: &str| unusable(path, problem.into());
        let Some(of) = self.footer.columns.get(column).cloned() else {
            return Err(failed(&self.path, "lacks a column"));
        };
        let mut left = self.footer.rows;
        for group in 0..self.footer.groups.len() {
            let chunk = self.footer.groups.get(group).and_then(|g| g.get(column));
            let Some(chunk) = chunk.cloned() else {
                return Err(failed(&self.path, "lacks a column"));
            };
            left = match left.checked_sub(chunk.values) {
                Some(left) => left,
                None => return Err(failed(&self.path, "has more values than rows")),
            };
            self.chunk(&chunk, &of, each)?;
        }
        if left > 0 {
            return Err(failed(&self.path, "has fewer values than rows"));
        }
        Ok(())
    }

    fn chunk(
        &mut self,
        chunk: &Chunk,
        column: &Column,
        each: &mut Each,
    ) -> Result<(), FolderError> {
        let path = self.path.clone();
        let failed = |problem: String| {
            let name = super::quoted(&column.path.join("."));
            unusable(&path, format!("column {name} {problem}"))
        };
        let end = chunk.start.checked_add(chunk.length);
        let end = end.filter(|&end| end <= self.length);
        let mut pages = Pages {
            end: end.ok_or_else(|| failed("lies outside of the file".into()))?,
            at: chunk.start,
            table: self,
        };
        let (mut dictionary, mut left) = (None, chunk.values);
        while left > 0 {
            let (header, packed) = pages.next().map_err(failed)?;
            let bytes = page::unpack(&header, packed, chunk.codec).map_err(failed)?;
            match header.layout {
                Layout::Other => {}
                Layout::Dictionary => {
                    let entries = Dictionary::of(bytes, &header, column.values);
                    dictionary = Some(entries.ok_or_else(|| failed("is damaged".into()))?);
                }
                Layout::First | Layout::Second { .. } => {
                    let after = left.checked_sub(header.values);
                    left = after.ok_or_else(|| failed("has more values than it says".into()))?;
                    let mut values = DataPage::of(&header, &bytes, column, dictionary.as_ref())
                        .map_err(failed)?;
                    for _ in 0..header.values {
                        each(values.next().ok_or_else(|| failed("is damaged".into()))?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Pages<'_> {
    /// Returns the next page as it is stored.
    fn next(&mut self) -> Result<(Header, Vec<u8>), String> {
        let left = self.end - self.at;
        let start = self.table.read(self.at, left.min(HEADER))?;
        let damaged = |_| "has a page whose header is damaged or cut off".to_string();
        let (header, length) = page::header(&start).map_err(damaged)?;
        self.at += length as u64;
        if header.packed > self.end - self.at {
            return Err("has a page that is cut off".into());
        }
        let packed = self.table.read(self.at, header.packed)?;
        self.at += header.packed;
        Ok((header, packed))
    }
}

impl Table {
    /// Returns so many bytes of the file, which has them.
    fn read(&mut self, at: u64, length: u64) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length as usize];
        let found = self.file.seek(SeekFrom::Start(at));
        let read = found.and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| format!("cannot be read: {error}"))?;
        Ok(bytes)
    }
}

impl Dictionary {
    fn of(bytes: Vec<u8>, header: &Header, values: Values) -> Option<Self> {
        let (mut rest, mut entries) = (&bytes[..], Vec::new());
        for _ in 0..header.values {
            let length = plain(&mut rest, values)?.len();
            let end = bytes.len() - rest.len();
            entries.push(end - length..end);
        }
        Some(Self { bytes, entries })
    }

    fn get(&self, place: u32) -> Option<&[u8]> {
        let entry = self.entries.get(place as usize)?;
        self.bytes.get(entry.clone())
    }
}

/// Takes a value that is written as it is.
fn plain<'a>(rest: &mut &'a [u8], values: Values) -> Option<&'a [u8]> {
    let length = match values {
        Values::Integers(bytes) => bytes,
        Values::Bytes => {
            let (length, after) = rest.split_first_chunk()?;
            *rest = after;
            u32::from_le_bytes(*length) as usize
        }
        Values::Others => return None,
    };
    let (value, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// The values of a page, one after the other.
struct DataPage<'a> {
    /// For each value, how many names of its path are not null; without nulls nothing is written.
    levels: Option<Runs<'a>>,
    /// The level of a value that is there.
    full: u32,
    values: Written<'a>,
}

/// How values are written.
enum Written<'a> {
    Plain(&'a [u8], Values),
    Places(Runs<'a>, &'a Dictionary),
}

impl<'a> DataPage<'a> {
    fn of(
        header: &Header,
        bytes: &'a [u8],
        column: &Column,
        dictionary: Option<&'a Dictionary>,
    ) -> Result<Self, String> {
        let damaged = || "has a page that is damaged".to_string();
        let parts = match header.layout {
            Layout::Second { nulls, .. } => bytes.split_at_checked(nulls as usize),
            _ if column.nullable > 0 => bytes.split_first_chunk().and_then(|(length, rest)| {
                rest.split_at_checked(u32::from_le_bytes(*length) as usize)
            }),
            _ => Some((&[][..], bytes)),
        };
        let (levels, values) = parts.ok_or_else(damaged)?;
        let width = u32::BITS - column.nullable.leading_zeros();
        let values = match header.encoding {
            0 => Written::Plain(values, column.values),
            2 | 8 => {
                let (&width, places) = values.split_first().unwrap_or((&0, &[]));
                let runs = Runs::of(places, u32::from(width)).ok_or_else(damaged)?;
                Written::Places(runs, dictionary.ok_or_else(damaged)?)
            }
            other => return Err(format!("is written as {}, which is not read", name(other))),
        };
        Ok(Self {
            levels: Runs::of(levels, width).filter(|_| column.nullable > 0),
            full: column.nullable,
            values,
        })
    }

    /// Returns the next value; `Some(None)` is null, `None` the end of what is there.
    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        if let Some(levels) = &mut self.levels
            && levels.next()? != self.full
        {
            return Some(None);
        }
        match &mut self.values {
            Written::Plain(rest, values) => plain(rest, *values),
            Written::Places(places, dictionary) => dictionary.get(places.next()?),
        }
        .map(Some)
    }
}

fn name(encoding: i64) -> &'static str {
    match encoding {
        4 => "BIT_PACKED",
        5 => "DELTA_BINARY_PACKED",
        6 => "DELTA_LENGTH_BYTE_ARRAY",
        7 => "DELTA_BYTE_ARRAY",
        9 => "BYTE_STREAM_SPLIT",
        _ => "what nobody knows",
    }
}

/// Numbers of a few bits: runs of equal ones, and eight at a time side by side
/// (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>).
struct Runs<'a> {
    rest: &'a [u8],
    /// Bits of a number.
    width: u32,
    /// Numbers of this run that are to come.
    left: u64,
    run: Run<'a>,
}

enum Run<'a> {
    Equal(u32),
    /// The bytes, and the bit at which the next number begins.
    Packed(&'a [u8], usize),
}

impl<'a> Runs<'a> {
    fn of(rest: &'a [u8], width: u32) -> Option<Self> {
        (width <= u32::BITS).then_some(Self {
            rest,
            width,
            left: 0,
            run: Run::Equal(0),
        })
    }

    fn next(&mut self) -> Option<u32> {
        while self.left == 0 {
            self.begin_run()?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Equal(value) => Some(*value),
            Run::Packed(bytes, bit) => {
                let from = bytes.get(*bit / 8..)?;
                let is_whole = from.len() * 8 >= *bit % 8 + self.width as usize;
                let number = little_endian(from) >> (*bit % 8);
                *bit += self.width as usize;
                is_whole.then_some((number & ((1 << self.width) - 1)) as u32)
            }
        }
    }

    fn begin_run(&mut self) -> Option<()> {
        let header = varint(&mut self.rest)?;
        let (count, width) = (header >> 1, self.width as usize);
        if header & 1 == 1 {
            let length = usize::try_from(count).ok()?.checked_mul(width)?;
            // The last eight may be cut off where there are fewer.
            let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
            self.rest = rest;
            self.left = count.checked_mul(8)?;
            self.run = Run::Packed(bytes, 0);
        } else {
            let (bytes, rest) = self.rest.split_at_checked(width.div_ceil(8))?;
            self.rest = rest;
            self.left = count;
            self.run = Run::Equal(little_endian(bytes) as u32);
        }
        Some(())
    }
}

/// Returns the number in the first eight bytes, or in fewer.
fn little_endian(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    for (to, &from) in number.iter_mut().zip(bytes) {
        *to = from;
    }
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own description.
    #[test]
    fn runs_and_packed_numbers() {
        let all = |bytes: &[u8], width| -> Vec<u32> {
            let mut runs = Runs::of(bytes, width);
            std::iter::from_fn(|| runs.as_mut()?.next()).collect()
        };
        // The numbers 0 to 7 in three bits each.
        let packed = [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(all(&packed, 3), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(all(&packed[..3], 3), [0, 1, 2, 3, 4], "cut off");
        assert_eq!(
            all(&[8, 2, 3, 5], 3),
            [2, 2, 2, 2],
            "then a run of 5 packed ones that lacks"
        );
        assert_eq!(all(&[6, 1, 2, 0, 0], 9), [513, 513, 513]);
        assert_eq!(all(&[4], 0), [0, 0]);
        assert!(Runs::of(&[], 33).is_none());
    }
}
