//! `trainer`: parse, dispatch, exit code.

#![forbid(unsafe_code)]

use std::panic;
use std::process::ExitCode;

use clap::Parser;
use trainer::cli::{Cli, Command, ConfigCommand, DataCommand, RunsArgs, RunsCommand};
use trainer::commands::{self, terminal};
use trainer::failure::Failure;

/// Burn allocates and drops tensors of about 400 KB several times per step. glibc returns such blocks to
/// the system at once, and every new one is paged in again: 380,000 page faults per epoch, a third of
/// the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    panic::set_hook(Box::new(terminal::report_panic));
    let cli = Cli::parse();
    let json = cli.json();
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| dispatch(cli)));
    match result.unwrap_or_else(|panic| Err(Failure::panicked(&*panic))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if json {
                terminal::report_json(&failure);
            }
            terminal::report(&failure)
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Train(cli.train)) {
        Command::Train(args) => commands::train::run(args),
        Command::Resume(args) => commands::resume::run(args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Serve(args) => commands::serve::run(args),
        Command::Gallery(args) => commands::gallery::run(&args),
        Command::Explain(command) => commands::explain::run(&command),
        Command::Report(args) => commands::report::run(&args),
        Command::Runs(RunsArgs { command, list }) => match command {
            None => commands::runs::list(&list),
            Some(RunsCommand::Show(args)) => commands::runs::show(&args),
            Some(RunsCommand::Compare(args)) => commands::compare::run(&args),
            Some(RunsCommand::Export(args)) => commands::runs::export(&args),
            Some(RunsCommand::Rm(args)) => commands::runs::remove(&args),
        },
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::FindLr(args) => commands::find_lr::run(&args),
        Command::Repeat(args) => commands::repeat::run(args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Data(args) => match args.command {
            None => commands::data::run(&args.show),
            Some(DataCommand::Import(args)) => commands::data_import::run(&args),
            Some(DataCommand::Audit(args)) => commands::data_audit::run(&args),
            Some(DataCommand::Sample(args)) => commands::data_sample::run(&args),
        },
        Command::Summary(args) => commands::summary::run(&args),
        Command::Config(ConfigCommand::Show(args)) => commands::config::show(&args),
        Command::Config(ConfigCommand::Check(args)) => commands::config::check(&args),
        Command::Config(ConfigCommand::Schema) => commands::config::schema(),
        Command::Backends(args) => commands::backends::run(args),
        Command::Completions { shell } => commands::config::completions(shell),
    }
}
