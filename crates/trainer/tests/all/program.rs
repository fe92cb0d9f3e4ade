//! Runs the program and takes down what it says.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use data::fashion_mnist::DEBIAN_FOLDER;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures;

/// The program under test.
pub const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// An empty folder in which the program is run.
pub struct Desk {
    folder: TempDir,
    cache: PathBuf,
}

/// What a finished command leaves.
#[derive(Debug, Clone)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // An empty cache, if the images are not in the user's.
        let images = fixtures::package();
        let cache = match images.starts_with(DEBIAN_FOLDER) {
            true => folder.path().join("cache"),
            false => images.parent().unwrap().to_path_buf(),
        };
        Self { folder, cache }
    }

    /// Returns where `name` is in this folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders it lies in.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Returns the content of a text file.
    pub fn text(&self, name: &str) -> String {
        read(&self.path(name))
    }

    /// Returns the program, to be started here with nothing of the user's own settings.
    pub fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(TRAINER);
        command.args(args);
        self.quieten(&mut command);
        command
    }

    /// Takes the user's own settings from a command and starts it here.
    pub fn quieten(&self, command: &mut Command) {
        let settings = [
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "RAYON_NUM_THREADS",
        ];
        for setting in settings {
            command.env_remove(setting);
        }
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("XDG_CACHE_HOME", &self.cache)
            .env("XDG_RUNTIME_DIR", self.folder.path()) // Mesa complains on stderr without one
            .env("GIT_CEILING_DIRECTORIES", self.folder.path())
            .env("RUST_BACKTRACE", "1") // must not be heeded
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
    }

    /// Runs the program.
    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Said {
        Said::of(&mut self.command(args))
    }

    /// Runs the program, which must succeed.
    pub fn ok(&self, args: &[impl AsRef<OsStr>]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, 0, "{}", said.stderr);
        said
    }

    /// Starts the program and returns it together with the first line it prints. Its stdout must be
    /// read to the end, or dropped, before it is waited for.
    pub fn start(&self, args: &[impl AsRef<OsStr>]) -> (Child, BufReader<ChildStdout>, String) {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        (child, stdout, line)
    }
}

impl Said {
    /// Runs a command. Whatever it is: no panic, no backtrace, and no colours in a pipe.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let said = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        said.check_manners(&format!("{command:?}"));
        said
    }

    /// Waits for a command that was started.
    pub fn of_child(mut child: Child, stdout: Option<BufReader<ChildStdout>>) -> Self {
        let mut said = Self {
            code: -1,
            stdout: String::new(),
            stderr: String::new(),
        };
        if let Some(mut rest) = stdout {
            rest.read_to_string(&mut said.stdout).unwrap();
        }
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut said.stderr).unwrap();
        said.code = child.wait().unwrap().code().unwrap_or(-1);
        said.check_manners("started");
        said
    }

    fn check_manners(&self, command: &str) {
        let forbidden = [
            "panicked",
            "RUST_BACKTRACE",
            "stack backtrace",
            "internal error",
            "\u{1b}",
        ];
        for text in [&self.stdout, &self.stderr] {
            for word in forbidden {
                assert!(!text.contains(word), "{word:?} in {text}\n{command}");
            }
        }
    }

    /// Returns stdout as JSON, one object a line.
    pub fn json(&self) -> Vec<Value> {
        json_lines(&self.stdout)
    }
}

/// Returns the content of a text file.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns a JSON file.
pub fn read_json(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// Returns every line as a JSON object.
pub fn json_lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().map(parse).collect()
}

/// Returns a path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}
