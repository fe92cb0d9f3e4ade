//! `trainer summary`: the layers of a network before it is trained, and of a run.

use crate::fixtures::{ON_TINY, on_tiny, tiny};
use crate::program::Desk;

#[test]
fn the_tutorial_as_keras_shows_it() {
    let said = Desk::new().ok(&["summary"]);
    insta::assert_snapshot!(said.stdout, @r"
    layer    output       parameters  multiply-adds   bytes
    Input    1 x 28 x 28           0              0       0
    Flatten  784                   0              0       0
    Dense    128              100480         100352  401920
    ReLU     128                   0              0       0
    Dense    10                 1290           1280    5160
    Softmax  10                    0              0       0
    total                     101770         101632  407080
    ");
    assert_eq!(said.stderr, "");
}

#[test]
fn the_network_of_a_run_is_that_of_its_experiment() {
    let desk = Desk::new();
    tiny(&desk);
    let hidden = "model.hidden=[7, 5]";
    desk.ok(&on_tiny("run", &["training.epochs=1", hidden]));
    let of_run = desk.ok(&["summary", "run", "--json"]);
    let args = [&["summary"], &ON_TINY[..], &["--set", hidden, "--json"]].concat();
    assert_eq!(of_run.stdout, desk.ok(&args).stdout);
    let json = &of_run.json()[0];
    assert_eq!(json["input"], serde_json::json!([1, 6, 5]));
    assert_eq!(json["parameters"], 30 * 7 + 7 + 7 * 5 + 5 + 5 * 3 + 3);
    assert_eq!(json["multiply_adds"], 30 * 7 + 7 * 5 + 5 * 3);
    assert_eq!(json["bytes"], 4 * 275);
    assert_eq!(json["layers"][1]["kind"], "Dense");
    assert_eq!(json["layers"][1]["output"], serde_json::json!([7]));
}

#[test]
fn what_is_assumed_of_a_data_set_that_is_not_there_is_said() {
    let sets = [
        "summary",
        "--set",
        "data.name=letters",
        "--data-dir",
        "nowhere",
    ];
    let classes = ["--set", "data.classes=[\"a\", \"b\"]"];
    let said = Desk::new().ok(&[&sets[..], &classes].concat());
    assert!(said.stdout.contains("Softmax  2 "), "{}", said.stdout);
    let assumed = "no folder nowhere: images of 28x28 and 2 classes are assumed";
    assert!(said.stderr.contains(assumed), "{}", said.stderr);
}

#[test]
fn a_run_has_no_experiment_to_change() {
    let said = Desk::new().run(&["summary", "last", "--set", "model.hidden=[3]"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("cannot be used with"),
        "{}",
        said.stderr
    );
}
