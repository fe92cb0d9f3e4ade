//! Checkpoints: sets of files that appear complete, or not at all.
//!
//! A set is a folder `checkpoints/epoch-E-step-S` with the [`State`], its parts (weights, optimizer state)
//! and the SHA-256 of each. It is written under another name, synced, renamed and read back before an older
//! one is removed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use experiment::Every;
use model::{Architecture, RecordError, Tensor, record};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::folder::{hex, sha256};
use super::state::{
    AVERAGE, BEST, FIRST_MOMENTS, FORMAT_VERSION, OPTIMIZER, Parts, SECOND_MOMENTS, State, WEIGHTS,
    unusable,
};
use super::write::{self, WRITING};
use super::{read, remove};
use crate::failure::{Code, Failure};

/// Folder of a run's checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// The state of the training, JSON.
const STATE: &str = "state.json";
/// The hashes of the other files, JSON.
const MANIFEST: &str = "manifest.json";
/// Files that a set can have besides its manifest.
const NAMES: [&str; 7] = [
    STATE,
    WEIGHTS,
    AVERAGE,
    FIRST_MOMENTS,
    SECOND_MOMENTS,
    OPTIMIZER,
    BEST,
];
/// Name of a set that is being removed; never read.
const OLD: &str = ".old-";
/// Bytes written or read back at once.
const AT_ONCE: usize = 64 << 10;
/// Maximum size of a manifest, in bytes.
const MAX_MANIFEST: u64 = 64 << 10;
/// Maximum size of any other file, in bytes: two moments of the largest network, with room for names.
const MAX_PART: u64 = 8 * model::config::MAX_PARAMETERS as u64 + (64 << 20);

/// Everything that a training resumes from.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The state of the training.
    pub state: State,
    /// Weights and optimizer state; empty before the first step.
    pub parts: Parts,
}

impl Checkpoint {
    /// Returns the checkpoint before the first step of `experiment`, given as TOML.
    pub fn start(experiment: String) -> Self {
        Self {
            state: State::start(experiment),
            parts: Parts::new(),
        }
    }

    /// Returns the weights to train from; before the first step, the initial weights drawn from `seed`.
    ///
    /// # Errors
    /// When they are damaged or belong to another network.
    pub fn weights(&self, architecture: &Architecture, seed: u64) -> Result<Vec<Tensor>, Failure> {
        match self.tensors(WEIGHTS, architecture).transpose() {
            Ok(Some(weights)) => Ok(weights),
            Ok(None) => Ok(architecture.init(seed)?),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Returns the weights of the best epoch so far, if there is one.
    ///
    /// # Errors
    /// As [`Checkpoint::weights`].
    pub fn best(&self, architecture: &Architecture) -> Result<Option<Vec<Tensor>>, Failure> {
        self.tensors(BEST, architecture)
            .transpose()
            .map_err(unusable)
    }

    fn tensors(
        &self,
        name: &str,
        architecture: &Architecture,
    ) -> Option<Result<Vec<Tensor>, RecordError>> {
        let bytes = self.parts.get(name)?;
        Some(record::tensors_from_bytes(bytes, architecture))
    }
}

/// The manifest of a set: the hashes of its files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    sha256: BTreeMap<String, String>,
}

/// When checkpoints are due, and the thread that writes them while training continues.
pub struct Checkpoints {
    every: Every,
    /// When the last one was handed to the writer.
    last: Cell<Instant>,
    sender: RefCell<Option<SyncSender<Checkpoint>>>,
    failures: Receiver<Failure>,
    writer: RefCell<Option<JoinHandle<Result<(), Failure>>>>,
}

impl Checkpoints {
    /// Returns the checkpoints of the run in the folder `run`.
    pub fn new(run: &Path, settings: &experiment::Checkpoint) -> Self {
        let (sender, receiver) = sync_channel::<Checkpoint>(1);
        let (complain, failures) = channel();
        let (run, keep) = (run.to_path_buf(), settings.keep);
        let writer = thread::spawn(move || {
            let mut last = Ok(());
            for checkpoint in receiver {
                last = write(&run, &checkpoint, keep);
                if let Err(failure) = &last {
                    let _ = complain.send(Failure::failed(failure.sentence()));
                }
            }
            last
        });
        Self {
            every: settings.every,
            last: Cell::new(Instant::now()),
            sender: RefCell::new(Some(sender)),
            failures,
            writer: RefCell::new(Some(writer)),
        }
    }

    /// Returns whether one is due after `steps` steps in all.
    pub fn is_due(&self, steps: u64) -> bool {
        match self.every {
            Every::Steps(n) => steps.is_multiple_of(n as u64),
            _ => self.time_is_up(),
        }
    }

    /// Returns whether one is due after `epoch`, counted from 1, and `steps` steps in all.
    pub fn is_due_after(&self, epoch: usize, steps: u64) -> bool {
        match self.every {
            Every::Epochs(n) => epoch.is_multiple_of(n),
            _ => self.is_due(steps),
        }
    }

    /// Returns the number of steps after `steps` until one is due; `None` if the interval is not in steps.
    pub fn steps_until_due(&self, steps: u64) -> Option<usize> {
        match self.every {
            Every::Steps(n) => Some(n - (steps % n as u64) as usize),
            _ => None,
        }
    }

    /// Returns whether one is due by time.
    pub fn time_is_up(&self) -> bool {
        match self.every {
            Every::Seconds(s) => self.last.get().elapsed() >= Duration::from_secs_f64(s),
            _ => false,
        }
    }

    /// Returns whether to write one that is due: with `never`, only one that `must` be written.
    pub fn is_wanted(&self, must: bool) -> bool {
        must || self.every != Every::Never
    }

    /// Hands a checkpoint to the writer. While the writer is busy, one that is not a `must` is skipped: training
    /// does not wait for the disk.
    pub fn write(&self, checkpoint: Checkpoint, must: bool) {
        self.last.set(Instant::now());
        if let Some(sender) = &*self.sender.borrow() {
            match (must, sender.try_send(checkpoint)) {
                (true, Err(TrySendError::Full(checkpoint))) => drop(sender.send(checkpoint)),
                (_, _written_or_left_out) => {}
            }
        }
    }

    /// Returns the failures since the last call.
    pub fn failures(&self) -> Vec<Failure> {
        self.failures.try_iter().collect()
    }

    /// Waits for the writer to finish.
    ///
    /// # Errors
    /// When the last checkpoint could not be written.
    pub fn finish(&self) -> Result<(), Failure> {
        self.sender.take();
        match self.writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(Failure::already_reported()),
        }
    }
}

/// Finishes writing, however the training ends.
impl Drop for Checkpoints {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// Returns the newest valid checkpoint of `run`, if there is one, and a warning for each newer one that is
/// not valid.
///
/// # Errors
/// When one has an unknown format version: it is not skipped (exit code 2).
pub fn newest(run: &Path) -> Result<(Option<Checkpoint>, Vec<String>), Failure> {
    let mut warnings = Vec::new();
    for set in sets(run).into_iter().rev() {
        match load(&set) {
            Ok(checkpoint) => return Ok((Some(checkpoint), warnings)),
            Err(failure) if failure.code == Code::Usage => return Err(failure),
            Err(failure) => warnings.push(format!(
                "the checkpoint {} is skipped: {}",
                set.display(),
                failure.sentence()
            )),
        }
    }
    Ok((None, warnings))
}

/// Returns every checkpoint of `run`, oldest first, and whether it is valid.
pub fn check(run: &Path) -> Vec<(PathBuf, Result<(), Failure>)> {
    let checked = |set: PathBuf| {
        let result = load(&set).map(drop);
        (set, result)
    };
    sets(run).into_iter().map(checked).collect()
}

/// Returns the folders of a run's checkpoints, oldest first.
fn sets(run: &Path) -> Vec<PathBuf> {
    let folder = run.join(CHECKPOINTS);
    if !read::is_folder(&folder) {
        return Vec::new();
    }
    let names = remove::names(&folder).unwrap_or_default();
    let sets = names.iter().filter(|name| is_set(name));
    sets.map(|name| folder.join(name))
        .filter(|set| read::is_folder(set))
        .collect()
}

/// Returns whether a set can have this name, `epoch-000002-step-000003750`: six and nine digits or more.
fn is_set(name: &str) -> bool {
    let numbers = name
        .strip_prefix("epoch-")
        .and_then(|rest| rest.split_once("-step-"));
    let is_number =
        |text: &str, digits| text.len() >= digits && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(epoch, step)| is_number(epoch, 6) && is_number(step, 9))
}

/// Writes a set, reads it back, and removes older sets so that `keep` are left, and any newer ones.
fn write(run: &Path, checkpoint: &Checkpoint, keep: usize) -> Result<(), Failure> {
    let folder = run.join(CHECKPOINTS);
    make(&folder)
        .and_then(|()| write::sync_folder(run))
        .map_err(|e| Failure::io("create", &folder, e))?;
    let State { epoch, step, .. } = checkpoint.state;
    let set = folder.join(format!("epoch-{epoch:06}-step-{step:09}"));
    remove_leftovers(&folder);
    if load(&set).is_err() {
        // A damaged set of this name was skipped when the run was resumed; it is replaced.
        let _ = remove_set(&set);
        write_set(&folder, &set, checkpoint)?;
    }
    // A set later than this one was skipped as damaged when the run was resumed.
    let (good, passed_over): (Vec<_>, Vec<_>) = sets(run).into_iter().partition(|s| *s <= set);
    let old = good.iter().take(good.len().saturating_sub(keep));
    for set in old.chain(&passed_over) {
        remove_set(set).map_err(|e| Failure::io("remove", set, e))?;
    }
    Ok(())
}

/// Makes the folder of a run's checkpoints, which must not be a link to another.
fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && read::is_folder(folder) => Ok(()),
        made => made,
    }
}

fn write_set(folder: &Path, set: &Path, checkpoint: &Checkpoint) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::io("write the checkpoint", set, e);
    let writing = tempfile::Builder::new().prefix(WRITING).tempdir_in(folder);
    let writing = writing.map_err(failed)?;
    let write_file = |name: &str, content: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        write_file(&writing.path().join(name), content).map_err(failed)
    };
    let state = |to: &mut dyn Write| Ok(serde_json::to_writer(to, &checkpoint.state)?);
    let mut sha256 = BTreeMap::from([(STATE.to_string(), write_file(STATE, &state)?)]);
    for (name, part) in &checkpoint.parts {
        let hash = write_file(name, &|to| to.write_all(part))?;
        sha256.insert(name.to_string(), hash);
    }
    let manifest = Contents {
        format: FORMAT_VERSION,
        sha256,
    };
    write_file(MANIFEST, &|to| Ok(serde_json::to_writer(to, &manifest)?))?;
    write::sync_folder(writing.path()).map_err(failed)?;
    fs::rename(writing.path(), set).map_err(failed)?;
    let _ = writing.keep(); // it was renamed: nothing is left to clean up
    write::sync_folder(folder).map_err(failed)?;
    verify(set)
}

/// Writes a file and syncs it; returns the SHA-256 of its content. The content is streamed, never held as
/// a whole: the state of a long training is large.
fn write_file(
    path: &Path,
    content: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> io::Result<String> {
    let mut file = BufWriter::with_capacity(AT_ONCE, Hashed::from(File::create(path)?));
    content(&mut file)?;
    let Hashed { file, hasher } = file.into_inner().map_err(io::Error::from)?;
    file.sync_all()?;
    Ok(hex(&hasher.finalize()))
}

/// A file and the hash of what was written to it.
struct Hashed {
    file: File,
    hasher: Sha256,
}

impl From<File> for Hashed {
    fn from(file: File) -> Self {
        let hasher = Sha256::new();
        Self { file, hasher }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or(bytes));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Checks that every file of a set is as it was written, without holding a file in memory.
fn verify(set: &Path) -> Result<(), Failure> {
    for (name, hash) in files(set)? {
        let path = set.join(name);
        let found = hash_of(&path).map_err(|e| Failure::io("read", &path, e))?;
        if found != hash {
            return Err(changed(name));
        }
    }
    Ok(())
}

/// Returns the SHA-256 of a file.
fn hash_of(path: &Path) -> io::Result<String> {
    let file = read::open(path, File::options().read(true));
    let (mut file, mut hasher) = (file?, Sha256::new());
    let mut some = vec![0; AT_ONCE];
    loop {
        match file.read(&mut some)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(some.get(..count).unwrap_or(&some)),
        }
    }
}

fn changed(name: &str) -> Failure {
    Failure::failed(format!("{name} has changed since it was written"))
}

/// Returns the files of a set and their hashes, from its manifest.
fn files(set: &Path) -> Result<Vec<(&'static str, String)>, Failure> {
    let manifest: Contents = parse(set, MANIFEST, &read_file(set, MANIFEST, MAX_MANIFEST)?)?;
    if !(1..=FORMAT_VERSION).contains(&manifest.format) {
        return Err(Failure::usage(format!(
            "the checkpoint {} has format version {}; this program reads 1 to {FORMAT_VERSION}",
            set.display(),
            manifest.format
        ))
        .hint("resume it with the version of the program that wrote it"));
    }
    // Only known names become paths.
    let known = |(name, hash): (String, String)| {
        let name = NAMES.into_iter().find(|known| *known == name);
        let name = name.ok_or_else(|| Failure::failed("its manifest names an unknown file"))?;
        Ok((name, hash))
    };
    manifest.sha256.into_iter().map(known).collect()
}

/// Returns the content of a set after checking every hash.
fn load(set: &Path) -> Result<Checkpoint, Failure> {
    let mut state = None;
    let mut parts = Parts::new();
    for (name, hash) in files(set)? {
        let bytes = read_file(set, name, MAX_PART)?;
        if sha256(&bytes) != hash {
            return Err(changed(name));
        }
        match name {
            STATE => state = Some(parse::<State>(set, STATE, &bytes)?),
            _ => drop(parts.insert(name, bytes)),
        }
    }
    let state = state.ok_or_else(|| Failure::failed("it has no state"))?;
    let best = state.best.epoch.is_some();
    let has = |name| parts.contains_key(name);
    let has_memory = has(OPTIMIZER) || has(FIRST_MOMENTS) && has(SECOND_MOMENTS);
    if !state.is_sound() || !has(WEIGHTS) || !has_memory || has(BEST) != best {
        return Err(Failure::failed("its parts contradict each other"));
    }
    Ok(Checkpoint { state, parts })
}

fn read_file(set: &Path, name: &str, most: u64) -> Result<Vec<u8>, Failure> {
    read::at_most(&set.join(name), most)
}

fn parse<'a, T: Deserialize<'a>>(set: &Path, name: &str, bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|e| Failure::damaged(&set.join(name), e))
}

/// Removes all checkpoints of the run in `run`, whose lock is held, and their folder; what is no part of them
/// stays.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove_all(run: &Path) -> io::Result<()> {
    let folder = run.join(CHECKPOINTS);
    if !read::is_folder(&folder) {
        return Ok(());
    }
    remove_leftovers(&folder);
    sets(run).iter().try_for_each(|set| remove_set(set))?;
    remove::folder(&folder, &[])
}

/// Removes a set; it is renamed before its files are deleted.
fn remove_set(set: &Path) -> io::Result<()> {
    let name = set.file_name().unwrap_or_default().to_string_lossy();
    let old = set.with_file_name(format!("{OLD}{name}"));
    remove_files(&old)?;
    fs::rename(set, &old)?;
    remove_files(&old)
}

/// Removes the files of a set and its folder, if nothing else is in it.
fn remove_files(set: &Path) -> io::Result<()> {
    if !read::is_folder(set) {
        return Ok(());
    }
    remove::folder(set, &[&NAMES[..], &[MANIFEST]].concat())
}

/// Removes what a killed process left behind. The run's lock is held, so nobody else writes here.
fn remove_leftovers(folder: &Path) {
    write::remove_leftovers(folder);
    for name in remove::names(folder).unwrap_or_default() {
        let is_old = name.strip_prefix(OLD).is_some_and(is_set);
        if is_old || write::is_temporary(&name) {
            let _ = remove_files(&folder.join(name));
        }
    }
}
