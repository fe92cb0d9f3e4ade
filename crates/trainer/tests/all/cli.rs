//! Help, results and completions, as a person sees them.

use std::process::Command;

use crate::fixtures::{on_tiny, package, tiny};
use crate::program::Desk;
use crate::transcript::Transcript;

#[test]
fn help() {
    let mut t = Transcript::new();
    let commands = [
        "train",
        "evaluate",
        "predict",
        "gallery",
        "export",
        "import",
        "data",
        "config",
        "backends",
        "completions",
    ];
    assert_eq!(t.run(&["--help"]).code, 0);
    for command in commands {
        assert_eq!(t.run(&[command, "--help"]).code, 0);
    }
    for command in ["show", "check"] {
        assert_eq!(t.run(&["config", command, "--help"]).code, 0);
    }
    t.check("help");
}

#[test]
fn results_of_every_command() {
    let mut t = Transcript::new();
    tiny(&t.desk);
    let two_epochs = on_tiny("run", &["training.epochs=2"]);
    t.run(&two_epochs);
    t.run(&on_tiny(
        "validated",
        &["training.epochs=2", "data.validation=60"],
    ));
    t.run(&["evaluate", "run"]);
    t.run(&["predict", "run", "--test", "0"]);
    t.run(&["gallery", "run"]);
    t.run(&["gallery", "run", "--wrong", "--quiet"]);
    t.run(&["data", "--data-dir", "tiny", "--set", "data.name=tiny"]);
    t.run(&["--version"]);
    t.check("results");
}

#[test]
fn data_shows_where_the_images_are_and_counts_them() {
    let said = Desk::new().ok(&["data"]);
    for file in data::fashion_mnist::FILES {
        let line = said
            .stdout
            .lines()
            .find(|line| line.contains(file.name))
            .unwrap();
        assert!(line.contains(file.sha256), "{line}");
        assert!(line.contains(&format!(" {} bytes ", file.bytes)), "{line}");
    }
    for class in data::fashion_mnist::CLASS_NAMES {
        let line = format!("\n{class:<11}      6000   1000\n");
        assert!(said.stdout.contains(&line), "{class}: {}", said.stdout);
    }
    let place = package().display().to_string();
    assert!(
        said.stdout
            .starts_with(&format!("fashion-mnist: IDX files in {place}\n")),
        "{}",
        said.stdout
    );
    let checked = format!("{place}: all four files are there and verified\n");
    assert!(said.stderr.contains(&checked), "{}", said.stderr);
}

#[test]
fn the_default_experiment() {
    let mut t = Transcript::new();
    t.run(&["config", "show"]);
    assert_eq!(t.desk.ok(&["config", "check"]).stdout, "");
    t.check("default-experiment");
}

#[test]
fn completions_are_scripts_their_shells_can_read() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.ok(&["completions", shell]).stdout;
        for word in ["evaluate", "data-dir", "ndarray"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            desk.write("trainer.bash", &script);
            let checked = Command::new("bash")
                .arg("-n")
                .arg(desk.path("trainer.bash"))
                .output();
            let checked = checked.unwrap();
            assert!(
                checked.status.success() && checked.stderr.is_empty(),
                "{checked:?}"
            );
        }
    }
}

#[test]
fn the_schema_of_configs() {
    let said = Desk::new().ok(&["config", "schema"]);
    assert_eq!(said.stdout, experiment::schema().unwrap());
}

/// A config in the working directory is preferred to the built-in one, which says so in errors.
#[test]
fn the_config_of_the_working_directory_is_the_default() {
    let desk = Desk::new();
    let built_in = desk.ok(&["config", "show"]).stdout;
    desk.write("configs/fashion-mnist.toml", "name = \"mine\"");
    let mine = desk.ok(&["config", "show"]).stdout;
    assert!(mine.starts_with("name = \"mine\"\n"), "{mine}");
    assert_ne!(mine, built_in);
    // What is shown is a whole config: shown again it is the same.
    desk.write("shown.toml", &mine);
    assert_eq!(
        desk.ok(&["config", "show", "--config", "shown.toml"])
            .stdout,
        mine
    );
}
