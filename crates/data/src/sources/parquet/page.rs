//! A page: some of a column's values, packed. Its header says how, and how large it is.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::thrift::{Kind, Malformed, Thrift};

/// How much a page may hold, however small it is packed: a thousand times a thousand equal labels are less.
const SMALL: u64 = 16 << 20;
/// How many times its size any other page may hold: pictures are packed already.
const RATIO: u64 = 32;
/// The most that a page may hold: a hundred photographs of ten megabytes.
const LARGEST: u64 = 1 << 30;

/// The header of a page.
#[derive(Debug, Default, PartialEq)]
pub struct Header {
    /// What it holds, and how that is laid out.
    pub layout: Layout,
    /// Bytes before and after packing.
    pub unpacked: u64,
    pub packed: u64,
    /// Its values, nulls included.
    pub values: u64,
    /// How the values are written, as Parquet numbers it.
    pub encoding: i64,
}

/// What a page holds.
#[derive(Debug, Default, PartialEq, Clone, Copy)]
pub enum Layout {
    /// Values that others name by their place.
    Dictionary,
    /// What is null, behind its length, and values, packed together.
    First,
    /// What is null, in so many bytes that are not packed, and values.
    Second { nulls: u64, is_packed: bool },
    /// Neither, to be passed over.
    #[default]
    Other,
}

/// Reads the header at the start of `bytes`; the second value is its length.
pub fn header(bytes: &[u8]) -> Result<(Header, usize), Malformed> {
    let mut thrift = Thrift { rest: bytes };
    let (mut header, mut kind) = (Header::default(), None);
    thrift.fields(|thrift, number, _| {
        match number {
            1 => kind = Some(thrift.integer()?),
            2 => header.unpacked = thrift.count()?,
            3 => header.packed = thrift.count()?,
            5 | 7 => (header.values, header.encoding) = first_two(thrift)?,
            8 => second(thrift, &mut header)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    header.layout = match (kind, header.layout) {
        (Some(0), _) => Layout::First,
        (Some(2), _) => Layout::Dictionary,
        (Some(3), second @ Layout::Second { .. }) => second,
        (Some(1), _) => Layout::Other,
        _ => return Err(Malformed),
    };
    Ok((header, bytes.len() - thrift.rest.len()))
}

/// Returns the number of values and their encoding, the first two fields of two kinds of header.
fn first_two(thrift: &mut Thrift) -> Result<(u64, i64), Malformed> {
    let (mut values, mut encoding) = (0, 0);
    thrift.fields(|thrift, number, _| {
        match number {
            1 => values = thrift.count()?,
            2 => encoding = thrift.integer()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((values, encoding))
}

fn second(thrift: &mut Thrift, header: &mut Header) -> Result<(), Malformed> {
    let (mut nulls, mut lists, mut is_packed) = (0, 0, true);
    thrift.fields(|thrift, number, kind| {
        match number {
            1 => header.values = thrift.count()?,
            4 => header.encoding = thrift.integer()?,
            5 => nulls = thrift.count()?,
            6 => lists = thrift.count()?,
            7 => is_packed = kind == Kind::True,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if lists > 0 {
        return Err(Malformed); // lists are not read
    }
    header.layout = Layout::Second { nulls, is_packed };
    Ok(())
}

/// Returns what a page holds, unpacked. Of the second layout, the part that is not packed comes first.
pub fn unpack(header: &Header, packed: Vec<u8>, codec: i64) -> Result<Vec<u8>, String> {
    let (plain, is_packed) = match header.layout {
        Layout::Second { nulls, is_packed } => (nulls, is_packed),
        _ => (0, true),
    };
    if codec == 0 || !is_packed {
        return Ok(packed);
    }
    let most = SMALL.max(RATIO * header.packed).min(LARGEST);
    if header.unpacked > most {
        let (unpacked, packed) = (header.unpacked, header.packed);
        return Err(format!(
            "has a page of {packed} bytes that claims {unpacked}"
        ));
    }
    let damaged = || "has a page that is damaged".to_string();
    let (plain, rest) = usize::try_from(plain)
        .ok()
        .and_then(|plain| packed.split_at_checked(plain))
        .ok_or_else(damaged)?;
    let size = (header.unpacked as usize).checked_sub(plain.len());
    let mut bytes = plain.to_vec();
    inflate(rest, codec, size.ok_or_else(damaged)?, &mut bytes)?;
    Ok(bytes)
}

/// Appends `size` bytes that are packed by this codec.
fn inflate(packed: &[u8], codec: i64, size: usize, to: &mut Vec<u8>) -> Result<(), String> {
    let damaged = || "has a page that cannot be unpacked".to_string();
    let (start, end) = (to.len(), to.len() + size);
    let mut whole = |unpack: &mut dyn FnMut(&mut [u8]) -> Option<usize>| {
        to.resize(end, 0);
        let unpacked = to.get_mut(start..).and_then(unpack);
        (unpacked == Some(size)).then_some(()).ok_or_else(damaged)
    };
    match codec {
        _ if size == 0 => Ok(()),
        1 => whole(&mut |to| snap::raw::Decoder::new().decompress(packed, to).ok()),
        7 => whole(&mut |to| lz4_flex::block::decompress_into(packed, to).ok()),
        2 => stream(MultiGzDecoder::new(packed), size, to).ok_or_else(damaged),
        6 => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| damaged())?;
            stream(decoder, size, to).ok_or_else(damaged)
        }
        other => Err(format!(
            "is packed in a way that is not read ({})",
            codec_name(other)
        )),
    }
}

/// Appends what a stream holds, if that is `size` bytes. Memory grows with what there is, not with what is claimed.
fn stream(stream: impl Read, size: usize, to: &mut Vec<u8>) -> Option<()> {
    let read = stream.take(size as u64 + 1).read_to_end(to);
    (read.ok()? == size).then_some(())
}

fn codec_name(codec: i64) -> &'static str {
    match codec {
        3 => "LZO",
        4 => "Brotli",
        5 => "the old LZ4",
        _ => "unknown",
    }
}
