//! Who trains: said before the first epoch, and refused where it cannot be.

use crate::fixtures::{on_tiny, tiny};
use crate::program::Desk;

#[test]
fn the_engine_is_said() {
    let desk = Desk::new();
    tiny(&desk);
    for (engine, dropout, said) in [
        ("auto", "0.0", "kernel"),
        ("kernel", "0.0", "kernel"),
        ("burn", "0.0", "burn"),
        ("auto", "0.5", "burn"),
    ] {
        let dropout = format!("model.dropout={dropout}");
        let folder = format!("{engine}-{dropout}");
        let args = on_tiny(&folder, &["training.epochs=1", &dropout]);
        let run = desk.ok(&[&args[..], &["--engine", engine]].concat());
        let line = format!(", engine {said}, seed 42\n");
        assert!(run.stderr.contains(&line), "{engine}: {}", run.stderr);
    }
}

#[test]
fn a_kernel_that_cannot_train_is_an_error_before_anything_is_written() {
    let desk = Desk::new();
    tiny(&desk);
    let args = on_tiny("run", &["model.dropout=0.5", "engine=kernel"]);
    let said = desk.run(&args);
    assert_eq!(said.code, 2);
    let message =
        "error: `engine` is \"kernel\", but the kernel cannot train with `model.dropout` = 0.5\n";
    assert!(said.stderr.contains(message), "{}", said.stderr);
    assert!(!desk.path("run").exists());
}
