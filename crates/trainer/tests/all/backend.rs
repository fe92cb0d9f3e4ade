//! One record on every backend, and what happens where there is no graphics adapter.

use std::fs;
use std::sync::OnceLock;

use experiment::Backend;
use model::{Classifier, Record};
use trainer::backend::Compute;
use trainer::evaluation::{self, Predictions};

use crate::fixtures::{fashion_mnist, on_tiny, quick, tiny};
use crate::program::{Desk, Said, json_lines, read_json};

/// Fails where there is no graphics adapter.
fn adapter() {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = *FOUND.get_or_init(|| !trainer::backend::adapters().is_empty());
    assert!(
        found,
        "this test needs a Vulkan adapter, which may be software: apt install mesa-vulkan-drivers"
    );
}

/// Returns what the shared run's record says about the test images on one backend.
fn predictions(backend: Backend) -> Predictions {
    let compute = Compute::open(backend).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(compute.backend, backend);
    let bytes = fs::read(quick().folder.join("model.bpk")).unwrap();
    let record = Record::from_bytes(&bytes).unwrap();
    let test = &fashion_mnist().test;
    evaluation::predict(&record, test, &compute).unwrap()
}

fn flex() -> &'static Predictions {
    static ONCE: OnceLock<Predictions> = OnceLock::new();
    ONCE.get_or_init(|| predictions(Backend::Flex))
}

fn check_agreement(a: &Predictions, b: &Predictions) {
    let same = (0..10_000).filter(|&i| a.top(i).0 == b.top(i).0).count();
    assert!(same >= 9_995, "{same} of 10,000 labels agree");
    let pairs = a.probabilities.iter().zip(&b.probabilities);
    let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest <= 1e-4, "probabilities differ by {furthest}");
    assert_eq!(a.probabilities.len(), 100_000);
    assert_eq!(b.probabilities.len(), 100_000);
}

#[test]
fn flex_and_ndarray_agree_on_one_record() {
    check_agreement(flex(), &predictions(Backend::Ndarray));
}

#[test]
fn wgpu_agrees_with_flex_and_ndarray_on_one_record() {
    adapter();
    let wgpu = predictions(Backend::Wgpu);
    check_agreement(flex(), &wgpu);
    check_agreement(&predictions(Backend::Ndarray), &wgpu);
}

#[test]
fn evaluate_gives_the_same_figures_on_every_backend() {
    adapter();
    let desk = Desk::new();
    let run = quick().folder.to_str().unwrap();
    let figures = |backend: &str| {
        let said = desk.ok(&["evaluate", run, "--json", "--backend", backend]);
        let result = said.json().remove(0);
        ["accuracy", "loss"].map(|key| result[key].as_f64().unwrap())
    };
    let flex = figures("flex");
    for backend in ["ndarray", "wgpu"] {
        let found = figures(backend);
        assert!(
            (found[0] - flex[0]).abs() <= 5e-4,
            "{backend}: {found:?}, flex {flex:?}"
        );
        assert!(
            (found[1] - flex[1]).abs() <= 1e-5,
            "{backend}: {found:?}, flex {flex:?}"
        );
    }
}

#[test]
fn wgpu_trains_and_its_record_works_on_flex() {
    adapter();
    let desk = Desk::new();
    // 20 steps: a software adapter takes a tenth of a second for each
    let sets = ["training.epochs=2", "training.batch_size=6000"];
    let mut args = vec!["--backend", "wgpu", "--run-dir", "run"];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let said = desk.ok(&args);
    assert!(
        said.stderr.contains("\nbackend wgpu on "),
        "{}",
        said.stderr
    );

    let manifest = read_json(&desk.path("run/manifest.json"));
    assert_eq!(manifest["backend"], "wgpu");
    let processor = manifest["processor"].as_str().unwrap();
    let adapters = trainer::backend::adapters();
    assert!(
        adapters.iter().any(|a| processor.starts_with(&a.name)),
        "{processor}"
    );
    let is_software = processor.contains("software");
    assert_eq!(
        said.stderr
            .contains("warning: this adapter runs in software"),
        is_software
    );

    let epochs = json_lines(&desk.text("run/metrics.jsonl"));
    let losses: Vec<f64> = epochs
        .iter()
        .map(|e| e["train_loss"].as_f64().unwrap())
        .collect();
    assert!(
        losses.len() == 2 && losses[1] < 0.8 * losses[0],
        "{losses:?}"
    );

    let trained = manifest["test"]["accuracy"].as_f64().unwrap();
    let evaluated = desk.ok(&["evaluate", "run", "--json", "--backend", "flex"]);
    let evaluated = evaluated.json()[0]["accuracy"].as_f64().unwrap();
    assert!(
        (trained - evaluated).abs() <= 0.001,
        "wgpu {trained}, flex {evaluated}"
    );
    assert!(trained > 0.6, "{trained}");
}

#[test]
fn a_seed_gives_the_same_first_weights_on_every_backend() {
    adapter();
    let desk = Desk::new();
    tiny(&desk);
    // One step, too small to change any weight: what is left is where the training began.
    let sets = [
        "training.epochs=1",
        "training.batch_size=600",
        "optimizer.learning_rate=1e-38",
    ];
    let pixels: Vec<u8> = (0..=255).cycle().take(30 * 256).collect();
    let answers = |backend: &'static str| {
        desk.ok(&[
            &on_tiny(backend, &sets)[..],
            &["--backend", backend, "--quiet"],
        ]
        .concat());
        let bytes = fs::read(desk.path(backend).join("model.bpk")).unwrap();
        Classifier::from_bytes(&bytes)
            .unwrap()
            .predict(&pixels)
            .unwrap()
    };
    let flex = answers("flex");
    assert_ne!(flex[..10], flex[10..20]);
    assert!(flex == answers("ndarray"), "ndarray starts elsewhere");
    assert!(flex == answers("wgpu"), "wgpu starts elsewhere");
}

/// A driver that is not loaded cannot fail, print or take memory.
#[cfg(target_os = "linux")]
#[test]
fn flex_and_ndarray_open_nothing_of_wgpu() {
    adapter();
    let desk = Desk::new();
    tiny(&desk);
    for (backend, expect) in [("flex", false), ("ndarray", false), ("wgpu", true)] {
        let args = [
            &on_tiny(backend, &["training.epochs=100000"])[..],
            &["--backend", backend],
        ];
        let (mut child, stdout, line) = desk.start(&args.concat());
        assert!(line.starts_with("epoch "), "{line:?}");
        let maps = fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
        child.kill().unwrap();
        let said = Said::of_child(child, Some(stdout));
        for library in ["libvulkan", "libEGL", "libgallium", "libLLVM"] {
            let loaded = maps.contains(library);
            assert!(expect || !loaded, "{backend} has loaded {library}");
        }
        // The loader itself: otherwise the check above would see nothing at all.
        assert_eq!(maps.contains("libvulkan"), expect, "{backend}");
        let strange: Vec<&str> = said
            .stderr
            .lines()
            .filter(|line| {
                !["data ", "network ", "backend ", "run "]
                    .iter()
                    .any(|s| line.starts_with(s))
            })
            .collect();
        assert!(expect || strange.is_empty(), "{backend} says {strange:?}");
    }
}

/// Runs the program where no Vulkan driver is found.
fn without_adapter(desk: &Desk, args: &[&str]) -> Said {
    let mut command = desk.command(args);
    command
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VK_ICD_FILENAMES", "/nonexistent");
    Said::of(&mut command)
}

#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_wgpu_is_a_plain_error_and_the_rest_works() {
    let desk = Desk::new();
    tiny(&desk);
    let once = ["training.epochs=1"];
    let run = quick().folder.to_str().unwrap();
    let train = [&on_tiny("run", &once)[..], &["--backend", "wgpu"]].concat();
    for args in [&train[..], &["evaluate", run, "--backend", "wgpu"]] {
        let said = without_adapter(&desk, args);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (2, ""),
            "{}",
            said.stderr
        );
        let stderr = &said.stderr;
        assert!(
            stderr.contains("error: wgpu found no adapter it can use"),
            "{stderr}"
        );
        assert!(stderr.contains("\nadapters found: none\n"), "{stderr}");
        assert!(
            stderr.contains("\nhint: use --backend flex (the CPU), or "),
            "{stderr}"
        );
        assert!(stderr.contains("mesa-vulkan-drivers"), "{stderr}");
    }
    assert!(
        !desk.path("run").exists(),
        "nothing is left of a run that could not start"
    );

    let list = without_adapter(&desk, &["backends"]);
    assert_eq!(list.code, 0);
    assert!(
        list.stdout.contains("\nwgpu     no adapter; "),
        "{}",
        list.stdout
    );
    assert!(
        list.stdout.ends_with("auto     is flex here\n"),
        "{}",
        list.stdout
    );

    let auto = [&on_tiny("auto", &once)[..], &["--backend", "auto"]].concat();
    let said = without_adapter(&desk, &auto);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("\nbackend flex on CPU, "),
        "{}",
        said.stderr
    );
    assert_eq!(
        read_json(&desk.path("auto/manifest.json"))["backend"],
        "flex"
    );
}

#[test]
fn backends_lists_every_adapter_and_what_auto_takes() {
    adapter();
    let desk = Desk::new();
    let adapters = trainer::backend::adapters();
    let has_gpu = adapters.iter().any(|adapter| adapter.kind != "software");
    let said = desk.ok(&["backends"]);
    for adapter in &adapters {
        assert!(
            said.stdout
                .contains(&format!("wgpu     {} (", adapter.name)),
            "{}",
            said.stdout
        );
    }
    let list = &desk.ok(&["backends", "--json"]).json()[0];
    assert_eq!(
        list["wgpu"]["adapters"],
        serde_json::to_value(&adapters).unwrap()
    );
    assert_eq!(list["flex"]["available"], true);
    assert_eq!(list["auto"], if has_gpu { "wgpu" } else { "flex" });
}
