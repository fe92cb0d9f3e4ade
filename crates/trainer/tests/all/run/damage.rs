//! Damaged configs, checkpoints and manifests: thousands of copies each, read by the program's own
//! functions. Pictures and IDX files are in the tests of `data`, records in those of `model`.

use std::fs;
use std::path::{Path, PathBuf};

use experiment::{ConfigError, Experiment, Source, load};
use model::Classifier;
use trainer::engine::optimizer;
use trainer::failure::Failure;
use trainer::run::folder::sha256;
use trainer::run::{RunFolder, checkpoint, find};

use crate::fixtures::{on_tiny, tiny};
use crate::mutations::{is_readable, overwrite, survive};
use crate::program::{Desk, arg};

const EXPERIMENT: &str = include_str!("../../../../../configs/fashion-mnist.toml");

/// What loads must be complete: written down, it is the same experiment.
fn as_experiment(found: Result<Experiment, ConfigError>) -> Result<(), String> {
    match found {
        Ok(experiment) => {
            let text = experiment.to_toml().unwrap();
            let label = "again".to_string();
            assert_eq!(load(Source { label, text }, &[]).unwrap(), experiment);
            Ok(())
        }
        Err(error) => {
            assert!(error.advice().is_some_and(is_readable), "{error}");
            let shown = error.to_string();
            assert!(
                shown.lines().all(|line| line.chars().count() < 1000),
                "{shown}"
            );
            Err(error.message().to_string())
        }
    }
}

#[test]
fn configs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    survive("config", EXPERIMENT.as_bytes(), |bytes| {
        overwrite(&file, bytes);
        let read = Source::read(&file).and_then(|source| load(source, &[]));
        as_experiment(read).map_err(|text| text.replace(arg(&file), "my.toml"))
    });
}

#[test]
fn overrides() {
    for good in [
        "optimizer={name=\"sgd\", momentum=0.9}",
        "model.hidden=[256, 128]",
        "seed=42",
    ] {
        survive(&format!("--set {good}"), good.as_bytes(), |bytes| {
            let source = Source {
                label: "my.toml".to_string(),
                text: EXPERIMENT.to_string(),
            };
            as_experiment(load(source, &[String::from_utf8_lossy(bytes).into_owned()]))
        });
    }
}

/// A finished run with one checkpoint, of the kernel or of Burn's operations.
struct Run {
    desk: Desk,
    set: PathBuf,
}

fn run(engine: &str) -> Run {
    run_with(&[engine])
}

/// The same with other settings as well.
fn run_with(settings: &[&str]) -> Run {
    let desk = Desk::new();
    tiny(&desk);
    let sets = [
        &[
            "training.epochs=2",
            "model.hidden=[2]",
            "data.validation=100",
            "checkpoint.keep=1",
        ],
        settings,
    ];
    desk.ok(&on_tiny("run", &sets.concat()));
    let mut found = fs::read_dir(desk.path("run/checkpoints"))
        .unwrap()
        .flatten();
    let set = found.next().unwrap().path();
    assert!(found.next().is_none());
    Run { desk, set }
}

/// Reads the run's checkpoint; one that is passed over is an error, with its text.
fn as_checkpoint(run: &Path) -> Result<(), String> {
    let named = |text: &str| text.replace(arg(run), "run");
    let (found, warnings) =
        checkpoint::newest(run).map_err(|failure| named(&failure.sentence()))?;
    match (found, &warnings[..]) {
        (Some(found), []) => {
            assert!(found.state.is_sound());
            let label = "the checkpoint's experiment".to_string();
            let text = found.state.experiment;
            load(Source { label, text }, &[])
                .map(drop)
                .map_err(|error| error.message().to_string())
        }
        (None, [warning]) => Err(named(warning)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn manifests_of_checkpoints() {
    let Run { desk, set } = run("engine=kernel");
    let file = set.join("manifest.json");
    let good = fs::read(&file).unwrap();
    let accepted = survive("manifest.json of a checkpoint", &good, |bytes| {
        overwrite(&file, bytes);
        as_checkpoint(&desk.path("run"))
    });
    assert!(accepted < 100, "a hash that does not fit was accepted");
}

/// As an attacker would, who makes the hash fit.
#[test]
fn states_with_their_hash() {
    let Run { desk, set } = run("engine=kernel");
    let (file, manifest) = (set.join("state.json"), set.join("manifest.json"));
    let good = fs::read(&file).unwrap();
    let (hash, hashes) = (sha256(&good), fs::read_to_string(&manifest).unwrap());
    let accepted = survive("state.json", &good, |bytes| {
        overwrite(&file, bytes);
        overwrite(&manifest, hashes.replace(&hash, &sha256(bytes)).as_bytes());
        as_checkpoint(&desk.path("run"))
    });
    assert!(accepted > 0, "the hash was not made to fit");
}

#[test]
fn the_optimizers_memory() {
    let run = run("engine=burn");
    let good = fs::read(run.set.join("optimizer.bpk")).unwrap();
    let found = checkpoint::newest(&run.desk.path("run"))
        .unwrap()
        .0
        .unwrap();
    let record = fs::read(run.desk.path("run/model.bpk")).unwrap();
    let network = Classifier::from_bytes(&record).unwrap();
    let network = &network.metadata().architecture;
    let label = "the checkpoint's experiment".to_string();
    let text = found.state.experiment;
    let optimizer = load(Source { label, text }, &[]).unwrap().optimizer;
    survive("optimizer.bpk", &good, |bytes| {
        optimizer::state(bytes, &optimizer, &network.tensors(), found.state.steps)
            .map(drop)
            .map_err(|failure| failure.sentence())
    });
}

/// Parts of a checkpoint that are sound and another training's, with hashes that fit: Burn would panic
/// at the first step.
#[test]
fn the_memory_of_another_training_is_refused() {
    let burn = ["engine=burn"];
    let kernel = ["engine=kernel"];
    for (settings, other, part, expect) in [
        (
            &burn,
            &["engine=burn", "model.hidden=[3]"][..],
            "optimizer.bpk",
            "tensor `0.momentum.moment_1` is F32 [30, 3], expected F32 [30, 2]",
        ),
        (
            &burn,
            &["engine=burn", "model.hidden=[2, 2]"],
            "optimizer.bpk",
            "tensor `2.momentum.moment_1` is F32 [2, 2], expected F32 [2, ",
        ),
        (
            &burn,
            &["engine=burn", "optimizer={name=\"sgd\", momentum=0.9}"],
            "optimizer.bpk",
            "number `0.momentum.time` is missing, expected 32",
        ),
        (
            &burn,
            &["engine=burn", "training.epochs=1"],
            "optimizer.bpk",
            "number `0.momentum.time` is UInt(16), expected 32",
        ),
        (
            &kernel,
            &["engine=kernel", "model.hidden=[3]"],
            "first-moments.bpk",
            "tensor `layers.0.weight` is F32 [30, 3], expected F32 [30, 2]",
        ),
        (
            &kernel,
            &["engine=kernel", "model.hidden=[3]"],
            "second-moments.bpk",
            "tensor `layers.0.weight` is F32 [30, 3], expected F32 [30, 2]",
        ),
    ] {
        let (run, other) = (run_with(settings), run_with(other));
        let foreign = fs::read(other.set.join(part)).unwrap();
        let good = fs::read(run.set.join(part)).unwrap();
        let manifest = run.set.join("manifest.json");
        let hashes = fs::read_to_string(&manifest).unwrap();
        fs::write(run.set.join(part), &foreign).unwrap();
        fs::write(&manifest, hashes.replace(&sha256(&good), &sha256(&foreign))).unwrap();
        let resume = ["resume", "run", "--set", "training.epochs=3"];
        let said = run.desk.run(&resume);
        assert_eq!(said.code, 1, "{part}: {}", said.stderr);
        assert!(said.stderr.contains(expect), "{part}: {}", said.stderr);
    }
}

#[test]
fn manifests_of_runs() {
    let Run { desk, .. } = run("engine=kernel");
    let (folder, file) = (desk.path("run"), desk.path("run/manifest.json"));
    let good = fs::read(&file).unwrap();
    let said = |failure: Failure| {
        assert!(failure.hint.is_some(), "{failure:?}");
        failure.sentence().replace(arg(&folder), "run")
    };
    survive("manifest.json of a run", &good, |bytes| {
        overwrite(&file, bytes);
        let used = find::load(arg(&folder)).map(drop).map_err(said);
        let gone_on = RunFolder::open(folder.clone()).map(drop).map_err(said);
        gone_on.and(used)
    });
}

/// States that no training leaves, with hashes that fit: said in a line, before the run is touched.
#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let Run { desk, set } = run("engine=kernel");
    let (file, manifest) = (set.join("state.json"), set.join("manifest.json"));
    let good = fs::read_to_string(&file).unwrap();
    let hashes = fs::read_to_string(&manifest).unwrap();
    let before = fs::read(desk.path("run/metrics.jsonl")).unwrap();
    for (old, new, expect) in [
        (
            "\"epoch\":3,\"step\":0",
            "\"epoch\":0,\"step\":0",
            "its parts contradict each other",
        ),
        (
            "\"epoch\":3,\"step\":0",
            "\"epoch\":3,\"step\":1",
            "its parts contradict each other",
        ),
        (
            "\"steps\":32",
            "\"steps\":31",
            "does not fit this experiment and data",
        ),
        (
            "\"steps\":32",
            "\"steps\":18446744073709551615",
            "does not fit this experiment and data",
        ),
        (
            "\"images\":0",
            "\"images\":500",
            "does not fit this experiment and data",
        ),
        (
            "\"mark\":null",
            "\"mark\":[9,0.5]",
            "its parts contradict each other",
        ),
    ] {
        assert!(good.contains(old), "{old} in {good}");
        let bad = good.replace(old, new);
        fs::write(&file, &bad).unwrap();
        let hashes = hashes.replace(&sha256(good.as_bytes()), &sha256(bad.as_bytes()));
        fs::write(&manifest, hashes).unwrap();
        let said = desk.run(&["resume", "run", "--set", "training.epochs=3"]);
        assert_ne!(said.code, 0, "{new}: {}", said.stderr);
        assert!(said.stderr.contains(expect), "{new}: {}", said.stderr);
        let after = fs::read(desk.path("run/metrics.jsonl")).unwrap();
        assert!(after == before, "{new}: the run was touched");
    }
}
