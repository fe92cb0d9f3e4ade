//! What a Parquet file says of itself, at its end: its columns, where their chunks are, and notes of other programs:
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::thrift::{Malformed, Thrift};

/// How a file begins and ends.
const MAGIC: &[u8; 4] = b"PAR1";
/// The largest footer that is read: some ten thousand groups of rows.
const LARGEST: u64 = 32 << 20;
/// The deepest nesting of columns.
const DEPTH: usize = 16;

/// What a file says of itself.
#[derive(Debug, Default)]
pub struct Footer {
    /// Rows of the whole file.
    pub rows: u64,
    /// The columns that hold values, in the order of their chunks.
    pub columns: Vec<Column>,
    /// The chunks of each group of rows, in the order of the columns.
    pub groups: Vec<Vec<Chunk>>,
    /// The note called `huggingface`, if there is one.
    pub hugging_face: Option<String>,
}

/// A column that holds values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, behind those of the structs that it is in: `["image", "bytes"]`.
    pub path: Vec<String>,
    /// What its values are.
    pub values: Values,
    /// How many of the names in its path may be null.
    pub nullable: u32,
    /// Whether a row may have several values of it.
    pub is_list: bool,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values {
    /// Whole numbers of so many bytes.
    Integers(usize),
    /// Bytes, or texts.
    Bytes,
    /// Anything else.
    Others,
}

/// The values of a column in a group of rows.
#[derive(Debug, Default, Clone)]
pub struct Chunk {
    /// Where its pages are in the file: the first byte, and how many.
    pub start: u64,
    pub length: u64,
    /// Its values, nulls included.
    pub values: u64,
    /// How its pages are packed, as Parquet numbers it.
    pub codec: i64,
}

/// Reads the footer of a file that has `length` bytes.
pub fn read(file: &mut File, length: u64) -> Result<Footer, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let cut_off = || "is cut off, or no Parquet file: its end is missing".to_string();
    let mut tail = [0; 8];
    let tail_start = length.checked_sub(8 + 4).ok_or_else(cut_off)? + 4;
    file.seek(SeekFrom::Start(tail_start)).map_err(failed)?;
    file.read_exact(&mut tail).map_err(failed)?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != *MAGIC {
        return Err(cut_off());
    }
    let size = u64::from(u32::from_le_bytes([a, b, c, d]));
    let start = tail_start.checked_sub(size).ok_or_else(cut_off)?;
    if size > LARGEST {
        let most = LARGEST >> 20;
        return Err(format!("has more than {most} MiB of descriptions"));
    }
    let mut bytes = vec![0; size as usize];
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    file.read_exact(&mut bytes).map_err(failed)?;
    let footer = footer(&mut Thrift { rest: &bytes });
    let footer = footer.map_err(|Malformed| "has a description that is damaged".to_string())?;
    let columns = footer.columns.len();
    if footer.groups.iter().any(|group| group.len() != columns) {
        return Err("has groups of rows that lack columns".into());
    }
    Ok(footer)
}

fn footer(thrift: &mut Thrift) -> Result<Footer, Malformed> {
    let mut footer = Footer::default();
    thrift.fields(|thrift, number, _| {
        match number {
            2 => footer.columns = columns(thrift)?,
            3 => footer.rows = thrift.count()?,
            4 => thrift.list(|thrift| {
                footer.groups.push(group(thrift)?);
                Ok(())
            })?,
            5 => thrift.list(|thrift| {
                let [key, value] = note(thrift)?;
                if key == b"huggingface" {
                    footer.hugging_face = Some(String::from_utf8_lossy(value).into_owned());
                }
                Ok(())
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(footer)
}

/// A column or a struct of columns, as the file lists them: each struct before what is in it.
#[derive(Default)]
struct Node {
    name: String,
    kind: Option<i64>,
    /// 0: always there, 1: may be null, 2: a list.
    repetition: i64,
    children: u64,
}

fn columns(thrift: &mut Thrift) -> Result<Vec<Column>, Malformed> {
    let mut columns = Vec::new();
    // The structs that are open, the whole file first: how many of their columns are to come, and the column so far.
    let mut open: Vec<(u64, Column)> = Vec::new();
    thrift.list(|thrift| {
        let node = node(thrift)?;
        let column = match open.last_mut() {
            None if columns.is_empty() => Column {
                path: Vec::new(),
                values: Values::Others,
                nullable: 0,
                is_list: false,
            },
            None => return Err(Malformed), // more than one tree
            Some((to_come, parent)) => {
                *to_come -= 1;
                parent.with(&node)
            }
        };
        if node.children > 0 || open.is_empty() {
            open.push((node.children, column));
        } else {
            columns.push(column);
        }
        while open.pop_if(|(to_come, _)| *to_come == 0).is_some() {}
        if open.len() > DEPTH {
            return Err(Malformed);
        }
        Ok(())
    })?;
    Ok(columns)
}

impl Column {
    /// Returns what is in this struct under a name.
    fn with(&self, node: &Node) -> Self {
        let mut path = self.path.clone();
        path.push(node.name.clone());
        Self {
            path,
            values: match node.kind {
                Some(1) => Values::Integers(4),
                Some(2) => Values::Integers(8),
                Some(6) => Values::Bytes,
                _ => Values::Others,
            },
            // A list counts as a level of its own, and is not read.
            nullable: self.nullable + u32::from(node.repetition != 0),
            is_list: self.is_list || node.repetition == 2,
        }
    }
}

fn node(thrift: &mut Thrift) -> Result<Node, Malformed> {
    let mut node = Node::default();
    thrift.fields(|thrift, number, _| {
        match number {
            1 => node.kind = Some(thrift.integer()?),
            3 => node.repetition = thrift.integer()?,
            4 => node.name = thrift.text()?,
            5 => node.children = thrift.count()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(node)
}

fn group(thrift: &mut Thrift) -> Result<Vec<Chunk>, Malformed> {
    let mut chunks = Vec::new();
    thrift.fields(|thrift, number, _| {
        if number != 1 {
            return Ok(false);
        }
        thrift.list(|thrift| {
            let mut chunk = Chunk::default();
            thrift.fields(|thrift, number, _| {
                if number == 3 {
                    chunk = of_metadata(thrift)?;
                }
                Ok(number == 3)
            })?;
            chunks.push(chunk);
            Ok(())
        })?;
        Ok(true)
    })?;
    Ok(chunks)
}

fn of_metadata(thrift: &mut Thrift) -> Result<Chunk, Malformed> {
    let mut chunk = Chunk::default();
    let mut dictionary = None;
    thrift.fields(|thrift, number, _| {
        match number {
            4 => chunk.codec = thrift.integer()?,
            5 => chunk.values = thrift.count()?,
            7 => chunk.length = thrift.count()?,
            9 => chunk.start = thrift.count()?,
            11 => dictionary = Some(thrift.count()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // Some writers say 0 where there is no dictionary.
    if let Some(dictionary) = dictionary.filter(|&at| at > 0) {
        chunk.start = chunk.start.min(dictionary);
    }
    Ok(chunk)
}

fn note<'a>(thrift: &mut Thrift<'a>) -> Result<[&'a [u8]; 2], Malformed> {
    let mut note = [&b""[..]; 2];
    thrift.fields(|thrift, number, _| {
        match number {
            1 => note[0] = thrift.bytes()?,
            2 => note[1] = thrift.bytes()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(note)
}
