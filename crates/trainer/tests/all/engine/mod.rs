//! Who trains: said before the first epoch, and refused where it cannot be.

mod experiments;
mod formulas;

use crate::fixtures::{on_tiny, tiny};
use crate::program::{Desk, json_lines, read};

#[test]
fn the_engine_is_said() {
    let desk = Desk::new();
    tiny(&desk);
    for (engine, dropout, said) in [
        ("auto", "0.0", "kernel"),
        ("kernel", "0.0", "kernel"),
        ("burn", "0.0", "burn"),
        ("auto", "0.5", "kernel"),
    ] {
        let dropout = format!("model.dropout={dropout}");
        let folder = format!("{engine}-{dropout}");
        let args = on_tiny(&folder, &["training.epochs=1", &dropout]);
        let run = desk.ok(&[&args[..], &["--engine", engine]].concat());
        let line = format!(", engine {said}, seed 42\n");
        assert!(run.stderr.contains(&line), "{engine}: {}", run.stderr);
    }
}

#[cfg(feature = "ndarray")]
#[test]
fn a_kernel_that_cannot_train_is_an_error_before_anything_is_written() {
    let desk = Desk::new();
    tiny(&desk);
    let args = on_tiny("run", &["backend=ndarray", "engine=kernel"]);
    let said = desk.run(&args);
    assert_eq!(said.code, 2);
    let message =
        "error: `engine` is \"kernel\", but the kernel cannot train with `backend` = \"ndarray\"\n";
    assert!(said.stderr.contains(message), "{}", said.stderr);
    assert!(!desk.path("run").exists());
}

/// Returns the training losses of a run's epochs, and with validation images the validation losses.
fn losses(desk: &Desk, run: &str, sets: &[&str]) -> Vec<f64> {
    desk.ok(&on_tiny(run, sets));
    let epochs = json_lines(&read(&desk.path(run).join("metrics.jsonl")));
    let of = |key: &'static str| epochs.iter().filter_map(move |epoch| epoch[key].as_f64());
    of("train_loss").chain(of("val_loss")).collect()
}

/// Both engines, and a GPU's own copy of the images, train on the same batches of moved images.
#[test]
fn images_are_moved_alike_by_every_engine_and_backend() {
    let desk = Desk::new();
    tiny(&desk);
    let moved = [
        "augmentation.shift=3",
        "augmentation.flip=true",
        "augmentation.rotation=15",
        "augmentation.zoom=0.1",
        "augmentation.noise=0.05",
        "augmentation.erasing=0.5",
        "training.epochs=3",
    ];
    let with = |more: &'static str| [&moved[..], &[more]].concat();
    let kernel = losses(&desk, "kernel", &with("engine=kernel"));
    let plain = losses(&desk, "plain", &["training.epochs=3"]);
    assert_eq!(kernel.len(), 3);
    assert_ne!(kernel[0], plain[0], "the images were not moved");
    let others = [
        ("burn", "engine=burn"),
        #[cfg(feature = "wgpu")]
        ("wgpu", "backend=wgpu"),
    ];
    for (run, set) in others {
        for (ours, theirs) in kernel.iter().zip(losses(&desk, run, &with(set))) {
            let off = (ours - theirs).abs();
            assert!(off < 1e-4 * ours, "{run}: {theirs}, the kernel {ours}");
        }
    }
}

/// Every optimizer with each of its constants, a learning rate that changes at every step, and a short last batch:
/// what is lost on the way to the kernel shows in the losses.
#[test]
fn both_engines_learn_alike() {
    let desk = Desk::new();
    tiny(&desk);
    let cases: [(&str, &[&str]); 15] = [
        ("adam", &["optimizer.beta_1=0.5", "optimizer.beta_2=0.9"]),
        ("adam-epsilon", &["optimizer.epsilon=0.1"]),
        ("adam-l2", &["optimizer.weight_decay=0.1"]),
        (
            "adamw",
            &["optimizer.name=adamw", "optimizer.weight_decay=0.5"],
        ),
        (
            "sgd-l2",
            &[
                "optimizer.name=sgd",
                "optimizer.learning_rate=0.1",
                "optimizer.weight_decay=0.1",
            ],
        ),
        (
            "nesterov",
            &[
                "optimizer.name=sgd",
                "optimizer.learning_rate=0.1",
                "optimizer.momentum=0.8",
                "optimizer.nesterov=true",
            ],
        ),
        (
            "cosine",
            &["schedule.name=cosine", "optimizer.learning_rate=0.01"],
        ),
        (
            "gelu",
            &["model.activation=gelu", "training.loss=quadratic"],
        ),
        ("smooth", &["training.label_smoothing=0.2"]),
        (
            "smooth-quadratic",
            &["training.label_smoothing=0.2", "training.loss=quadratic"],
        ),
        ("weights", &["training.class_weights=[0.5, 3.0, 0.0]"]),
        ("balanced", &["training.class_weights=balanced"]),
        // The norm of the gradient is above this in most steps.
        ("clip", &["training.clip_norm=0.05", "optimizer.name=sgd"]),
        (
            "one-cycle",
            &["schedule.name=one_cycle", "optimizer.learning_rate=0.01"],
        ),
        ("average", &["training.ema=0.9", "data.validation=100"]),
    ];
    for (name, sets) in cases {
        // 600 = 8 x 70 + 40
        let sets = [&["training.epochs=3", "training.batch_size=70"][..], sets].concat();
        let of = |engine: &str| {
            let (run, engine) = (format!("{name}-{engine}"), format!("engine={engine}"));
            losses(&desk, &run, &[&sets[..], &[engine.as_str()]].concat())
        };
        let [kernel, burn] = ["kernel", "burn"].map(of);
        assert_eq!(kernel.len(), burn.len(), "{name}");
        assert!(kernel.len() >= 3, "{name}");
        for (kernel, burn) in kernel.iter().zip(burn) {
            let off = (kernel - burn).abs();
            assert!(
                off < 1e-4 * kernel,
                "{name}: the kernel {kernel}, Burn {burn}"
            );
        }
    }
}

/// Convolutions too: of either size of kernel, in colour or not, and with everything that a training can have; on every
/// backend.
#[test]
fn convolutional_networks_learn_alike_everywhere() {
    let desk = Desk::new();
    tiny(&desk);
    let everything = [
        "model.channels=[5, 16]",
        "model.activation=gelu",
        "model.hidden=[20]",
        "training.label_smoothing=0.1",
        "training.class_weights=balanced",
        "training.clip_norm=0.5",
        "training.ema=0.9",
        "data.validation=100",
    ];
    let cases: [(&str, &[&str]); 4] = [
        ("plain", &["model.channels=[16]"]),
        (
            "twice",
            &[
                "model.channels=[3]",
                "model.convolutions=2",
                "model.kernel=5",
                "model.activation=tanh",
                "model.hidden=[]",
            ],
        ),
        (
            "average",
            &["model.channels=[17]", "model.global_average=true"],
        ),
        ("everything", &everything),
    ];
    for (name, sets) in cases {
        let sets = [
            &[
                "model.kind=cnn",
                "training.epochs=3",
                "training.batch_size=70",
            ][..],
            sets,
        ]
        .concat();
        let of = |engine: &str| {
            let run = format!("{name}-{}", engine.replace('=', "-"));
            losses(&desk, &run, &[&sets[..], &[engine]].concat())
        };
        let kernel = of("engine=kernel");
        let others = [
            "engine=burn",
            #[cfg(feature = "ndarray")]
            "backend=ndarray",
            #[cfg(feature = "wgpu")]
            "backend=wgpu",
        ];
        for other in others {
            let theirs = of(other);
            assert_eq!(kernel.len(), theirs.len(), "{name}");
            for (kernel, other_loss) in kernel.iter().zip(theirs) {
                let off = (kernel - other_loss).abs();
                assert!(
                    off < 1e-4 * kernel,
                    "{name}: the kernel {kernel}, {other} {other_loss}"
                );
            }
        }
    }
}

/// One record gives the same answers on every backend.
#[test]
fn a_convolutional_record_answers_alike_everywhere() {
    let desk = Desk::new();
    tiny(&desk);
    desk.ok(&on_tiny(
        "run",
        &[
            "model.kind=cnn",
            "model.channels=[8, 12]",
            "training.epochs=4",
        ],
    ));
    let loss = |backend: &str| {
        let said = desk.ok(&["evaluate", "run", "--json", "--backend", backend]);
        json_lines(&said.stdout)[0]["loss"].as_f64().unwrap()
    };
    let flex = loss("flex");
    for backend in [
        #[cfg(feature = "ndarray")]
        "ndarray",
        #[cfg(feature = "wgpu")]
        "wgpu",
    ] {
        let other = loss(backend);
        assert!(
            (flex - other).abs() < 1e-4,
            "flex {flex}, {backend} {other}"
        );
    }
}
