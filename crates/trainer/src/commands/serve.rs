//! `trainer serve`

use crate::cli::ServeArgs;
use crate::failure::Failure;

/// Answers over HTTP until SIGTERM or Ctrl-C; SIGHUP loads the runs again.
///
/// # Errors
/// When a run is not found or not finished, or the address is in use.
#[cfg(feature = "serve")]
pub fn run(args: ServeArgs) -> Result<(), Failure> {
    service::run(args)
}

/// A build without the service.
///
/// # Errors
/// Always.
#[cfg(not(feature = "serve"))]
pub fn run(_: ServeArgs) -> Result<(), Failure> {
    Err(Failure::left_out("HTTP service", "serve"))
}

#[cfg(feature = "serve")]
mod service {
    use std::io::{Write, stdout};
    use std::path::{Path, PathBuf};

    use data::printable;
    use serve::{Content, NamedRecord, Options, ServeError, Server};

    use super::{Failure, ServeArgs};
    use crate::commands::terminal::Messages;
    use crate::run::find;

    /// A run to serve.
    struct Run {
        name: String,
        /// Its folder, or a record file.
        place: PathBuf,
    }

    pub fn run(args: ServeArgs) -> Result<(), Failure> {
        let messages = Messages { quiet: args.quiet };
        let runs: Vec<Run> = args
            .runs
            .iter()
            .map(|run| named(run))
            .collect::<Result<_, _>>()?;
        // What cannot be loaded is said here as `predict` says it, with its hint.
        load(&runs)?;
        let names: Vec<String> = runs.iter().map(|run| printable(&run.name)).collect();
        let options = Options {
            listen: args.listen,
            allow_origin: args.allow_origin,
            ..Options::default()
        };
        let content = move || load(&runs).map_err(|failure| failure.sentence().into());
        let server = Server::start(options, content).map_err(failure)?;
        if !args.listen.ip().is_loopback() {
            messages.warn(
                "anyone who reaches this address can use the service: it knows no users and no TLS; \
                 docs/serve.md shows how to put Caddy or nginx before it",
            );
        }
        writeln!(stdout(), "http://{}", server.address())?;
        stdout().flush()?;
        messages.note(format_args!("serving {}; Ctrl-C ends it", names.join(", ")));
        let reloaded = |result: Result<(), ServeError>| match result {
            Ok(()) => messages.note("the runs were loaded again"),
            Err(error) => messages.warn(format_args!(
                "the runs were not loaded again, the old ones stay: {error}"
            )),
        };
        server.until_signal(reloaded).map_err(failure)
    }

    /// Returns the run that an argument names: `RUN`, or `NAME=RUN`.
    fn named(arg: &str) -> Result<Run, Failure> {
        let (name, run) = match arg.split_once('=') {
            Some((name, run)) if !Path::new(arg).exists() => (Some(name), run),
            _ => (None, arg),
        };
        let place = find::resolve(run)?;
        let name = name.map(String::from).or_else(|| name_of(&place));
        Ok(Run {
            name: name.unwrap_or_else(|| "model".into()),
            place,
        })
    }

    /// Returns the name of a run's folder, also for the record in it.
    fn name_of(place: &Path) -> Option<String> {
        let place = place.canonicalize().ok()?;
        let folder = if place.is_dir() {
            &*place
        } else {
            place.parent()?
        };
        Some(folder.file_name()?.to_string_lossy().into_owned())
    }

    fn load(runs: &[Run]) -> Result<Content, Failure> {
        let models = runs.iter().map(|run| {
            let place = run.place.to_str().ok_or_else(|| {
                Failure::usage(format!(
                    "{:?} is no name that this program can use",
                    run.place
                ))
            })?;
            Ok(NamedRecord {
                name: run.name.clone(),
                record: find::load(place)?.record,
            })
        });
        Ok(Content {
            models: models.collect::<Result<_, Failure>>()?,
            site: Vec::new(),
        })
    }

    fn failure(error: ServeError) -> Failure {
        let hint = match &error {
            ServeError::Listen { .. } => {
                "name another address: --listen 127.0.0.1:0 takes a free port"
            }
            ServeError::Name(_) | ServeError::SameName(_) => "give it another name: NAME=RUN",
            ServeError::Origin(_) => "an origin is a scheme and a host: https://example.org",
            _ => return Failure::caused_by(error),
        };
        Failure::usage("").because(error).hint(hint)
    }
}
