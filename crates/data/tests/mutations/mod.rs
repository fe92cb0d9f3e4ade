//! Damaged copies of a file, the same ones every time, and what a reader owes each of them: an answer,
//! or an error that a person can read; soon, and without a panic. All crates' tests use it (`#[path]`).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Seeded copies of a file.
pub const SEEDED: usize = 10_000;
/// Bytes from the start at which a file is cut off, one by one.
pub const CUT: usize = 4096;
/// Bytes from the start of which every bit is turned over.
pub const FLIPPED: usize = 512;
/// The longest that one copy may take: a thousand times what it does take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest text of an error, in characters.
const LONGEST: usize = 1000;

/// Gives `read` every damaged copy of `good`; it returns the text of its error, if there is one.
/// Returns how many copies were read all the same.
///
/// # Panics
/// When `read` does, takes for ever, or has a text that is none: empty, of several lines, with control
/// characters, longer than [`LONGEST`]. The copy is named.
pub fn survive(
    name: &str,
    good: &[u8],
    mut read: impl FnMut(&[u8]) -> Result<(), String>,
) -> usize {
    let (mut tried, mut accepted) = (0, 0);
    each(good, &mut |damage, bytes| {
        let began = Instant::now();
        let found = catch_unwind(AssertUnwindSafe(|| read(bytes)));
        let took = began.elapsed();
        tried += 1;
        let blame = |what: &str| -> ! { panic!("{name}, {damage}: {what}\n{}", shown(bytes)) };
        match found {
            Err(_) => blame("a panic"),
            Ok(Ok(())) => accepted += 1,
            Ok(Err(text)) if is_readable(&text) => {}
            Ok(Err(text)) => blame(&format!("an error nobody can read: {text:?}")),
        }
        if took > PATIENCE {
            blame(&format!("took {took:?}"));
        }
    });
    println!("{name}: {tried} damaged copies, {accepted} of them readable");
    accepted
}

/// Does `work`, which must neither take long nor take memory as large as what its files claim. The other tests of a
/// process may have 200 MB at a time; the claims are of 4 GiB and more.
#[allow(dead_code)] // not all crates have such claims
pub fn without_time_or_memory(work: impl FnOnce()) {
    let before = peak_memory();
    let began = Instant::now();
    work();
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let grown = peak_memory().saturating_sub(before);
    assert!(grown < 2 << 30, "{grown} bytes more");
}

/// Makes `bytes` the content of a file, for readers that want one. Unlike `fs::write` it does not cut the file to nothing first, which
/// ext4 answers by waiting for the disk.
#[allow(dead_code)] // not all crates have such readers
pub fn overwrite(path: &Path, bytes: &[u8]) {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)
    });
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Returns the most memory this process has had at a time, in bytes; 0 where the system does not tell.
#[allow(dead_code)] // not all crates have claims to refuse
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0u64) << 10
}

/// Whether an error's text is one line that can be printed.
pub fn is_readable(text: &str) -> bool {
    let is_empty = text.trim().is_empty();
    !is_empty && !text.chars().any(char::is_control) && text.chars().count() <= LONGEST
}

/// Makes every damaged copy of `good`, with its description.
fn each(good: &[u8], give: &mut dyn FnMut(&str, &[u8])) {
    for length in 0..good.len().min(CUT) {
        give(&format!("cut off after {length} bytes"), &good[..length]);
    }
    let mut copy = good.to_vec();
    for bit in 0..8 * good.len().min(FLIPPED) {
        copy[bit / 8] ^= 1 << (bit % 8);
        give(&format!("bit {bit} turned over"), &copy);
        copy[bit / 8] ^= 1 << (bit % 8);
    }
    for seed in 0..SEEDED as u64 {
        let mut chance = Chance(seed);
        copy.clear();
        copy.extend(good);
        for _ in 0..=chance.below(3) {
            mutate(&mut copy, &mut chance);
        }
        give(&format!("seed {seed}"), &copy);
    }
}

/// Damages `bytes` in one of eight ways.
fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let (at, end) = chance.range(bytes.len());
    match chance.below(8) {
        0 => bytes[at..]
            .iter_mut()
            .take(1)
            .for_each(|byte| *byte ^= 1 << chance.below(8)),
        1 => bytes[at..end]
            .iter_mut()
            .for_each(|byte| *byte = chance.byte()),
        2 => drop(bytes.splice(at..at, (0..=chance.below(16)).map(|_| chance.byte()))),
        3 => drop(bytes.drain(at..end)),
        4 => drop(bytes.splice(end..end, bytes[at..end].to_vec())),
        5 => {
            let (to, _) = chance.range(bytes.len());
            let moved: Vec<u8> = bytes[at..end].to_vec();
            bytes.splice(to..to, moved);
        }
        6 => set_integer(&mut bytes[at..], chance),
        _ => set_digits(bytes, at, chance),
    }
}

/// Makes the first 1, 2, 4 or 8 bytes a number at the edge of what they hold, in either byte order.
fn set_integer(bytes: &mut [u8], chance: &mut Chance) {
    let size = (1 << chance.below(4)).min(bytes.len());
    let most = u64::MAX >> (64 - 8 * size.max(1));
    let edges = [0, 1, most, most / 2, most / 2 + 1, most - 1];
    let number = edges[chance.below(edges.len())];
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    match chance.below(2) {
        0 => bytes[..size].copy_from_slice(&little[..size]),
        _ => bytes[..size].copy_from_slice(&big[8 - size..]),
    }
}

/// Replaces the first number in digits after `at`, as texts have them.
fn set_digits(bytes: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    const EDGES: [&str; 8] = [
        "0",
        "1",
        "-1",
        "65536",
        "4294967296",
        "18446744073709551615",
        "1e999",
        "",
    ];
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    let begin = at + bytes[at..].iter().take_while(|byte| is_other(byte)).count();
    let end = begin
        + bytes[begin..]
            .iter()
            .take_while(|byte| !is_other(byte))
            .count();
    bytes.splice(begin..end, EDGES[chance.below(EDGES.len())].bytes());
}

/// Numbers by chance: SplitMix64 (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
pub struct Chance(pub u64);

impl Chance {
    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `most`; 0 when that is 0.
    pub fn below(&mut self, most: usize) -> usize {
        (self.number() % most.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.number() as u8
    }

    /// Returns begin and end of up to 64 bytes of `length`; every other time near the start, where
    /// headers are.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let within = if self.below(2) == 0 {
            length.min(128)
        } else {
            length
        };
        let begin = self.below(within + 1);
        (begin, (begin + self.below(64)).min(length))
    }
}

/// Returns the start of a copy, to be looked at.
fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 2048;
    let more = if bytes.len() > SHOWN { "..." } else { "" };
    format!("{}{more}", bytes[..bytes.len().min(SHOWN)].escape_ascii())
}
