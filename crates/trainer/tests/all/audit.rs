//! What `data audit` finds in data that was spoiled on purpose.

use std::collections::BTreeMap;
use std::fs;

use data::{Images, fashion_mnist::FILES, idx};
use serde_json::Value;

use crate::fixtures::{fashion_mnist, package};
use crate::program::{Desk, arg};

/// Wrong labels planted among the 60,000 of Fashion-MNIST.
const PLANTED: usize = 300;

/// Returns the training labels with [`PLANTED`] of them wrong, and the right ones of those by their number.
fn planted() -> (Vec<u8>, BTreeMap<usize, u8>) {
    let set = fashion_mnist();
    let mut labels: Vec<u8> = (0..set.train.len()).map(|i| set.train.label(i)).collect();
    let mut right = BTreeMap::new();
    let order = data::permutation(7, 0, labels.len());
    let others = data::permutation(8, 0, PLANTED);
    for (&i, other) in order.iter().zip(others) {
        let label = &mut labels[i as usize];
        right.insert(i as usize, *label);
        *label = (*label + 1 + (other % 9) as u8) % 10;
    }
    (labels, right)
}

#[test]
fn planted_label_errors_are_found() {
    let desk = Desk::new();
    let (labels, right) = planted();
    desk.write(
        &format!("spoiled/{}", FILES[1].name),
        idx::write_labels(&labels),
    );
    for file in [FILES[0], FILES[2], FILES[3]] {
        let name = format!("{}.gz", file.name);
        let to = desk.path("spoiled").join(&name);
        fs::copy(package().join(&name), to).unwrap();
    }
    let args = ["data", "audit", "--data-dir", "spoiled", "--json"];
    let classes = format!("data.classes={:?}", fashion_mnist().class_names);
    let named = ["--set", "data.name=spoiled", "--set", &classes];
    let said = desk.ok(&[&args[..], &named].concat());
    let audit = said.json().remove(0);
    let errors = audit["label_errors"].as_array().unwrap();
    let index = |error: &Value| error["image"]["index"].as_u64().unwrap() as usize;
    let is_planted = |error: &&Value| right.contains_key(&index(error));
    let found = errors.iter().filter(is_planted).count();
    let of_first = |n: usize| errors.iter().take(n).filter(is_planted).count();
    let named_right = errors
        .iter()
        .filter(|error| {
            let name = right
                .get(&index(error))
                .map(|&label| &fashion_mnist().class_names[usize::from(label)]);
            name.is_some_and(|name| error["likely"] == **name)
        })
        .count();
    let shown = format!(
        "{} suspected, {found} planted among them, {named_right} with the right class; of the first 100, 300, 600: {:?}",
        errors.len(),
        [100, 300, 600].map(of_first),
    );
    println!("{shown}");
    assert!(found >= 200, "{shown}");
    assert!(of_first(PLANTED) >= 130, "{shown}");
    // The test images are compared, not predicted: nothing but equal and nearly equal ones is said of them.
    assert!(
        errors
            .iter()
            .all(|error| error["image"]["part"] == "training")
    );
}

/// Ten kinds of squares, with names that a browser must not obey.
#[test]
fn a_page_shows_what_is_suspected_and_escapes_names() {
    let desk = Desk::new();
    let count = 200;
    let side = |i: usize| 4 + 4 * (i % 2);
    let pixel = |at: usize| {
        let (i, y, x) = (at / 400, at % 400 / 20, at % 20);
        if (y + i / 2 % 5) % 20 < side(i) && (x + i / 10 % 7) % 20 < side(i) {
            255 - (i % 50) as u8
        } else {
            (x * i % 7) as u8
        }
    };
    let mut pixels: Vec<u8> = (0..count * 400).map(pixel).collect();
    pixels.copy_within(400 * 10..400 * 11, 400 * 31); // another label
    pixels[400 * 50..400 * 51].fill(0);
    let images = Images {
        count,
        height: 20,
        width: 20,
        pixels,
    };
    let labels: Vec<u8> = (0..count).map(|i| (i % 2) as u8).collect();
    for files in FILES.chunks(2) {
        desk.write(
            &format!("mine/{}", files[0].name),
            idx::write_images(&images),
        );
        desk.write(
            &format!("mine/{}", files[1].name),
            idx::write_labels(&labels),
        );
    }
    let classes = r#"data.classes=["<script>alert(1)</script>", "\"><img src=x onerror=1>"]"#;
    let said = desk.ok(&[
        "data",
        "audit",
        "--data-dir",
        "mine",
        "--set",
        "data.name=mine",
        "--set",
        classes,
        "--html",
        "page.html",
        "--folds",
        "2",
        "--epochs",
        "30",
    ]);
    assert!(
        said.stdout
            .contains("199 more than once, 199 of them in more than one part, 1 with different"),
        "{}",
        said.stdout
    );
    assert!(said.stdout.contains("training 50"), "{}", said.stdout);
    let page = desk.text("page.html");
    assert!(page.contains("&lt;script&gt;alert(1)"), "not named");
    assert!(
        !page.contains("<script") && !page.contains("<img src=x"),
        "not escaped"
    );
    assert!(page.contains("data:image/png;base64,"));
    let visit = crate::browser::visit(&desk, &desk.path("page.html"));
    assert!(
        visit.console.is_empty() && visit.requests.is_empty(),
        "{:?} {:?}",
        visit.console,
        visit.requests
    );
    for (args, expect) in [
        (&["--folds", "1"][..], "2..=20"),
        (&["--epochs", "0"], "1..=1000"),
    ] {
        let said = desk.run(
            &[
                &["data", "audit", "--data-dir", arg(&desk.path("mine"))][..],
                args,
            ]
            .concat(),
        );
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains(expect), "{}", said.stderr);
    }
}
