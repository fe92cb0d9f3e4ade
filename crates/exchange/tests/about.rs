//! What files say besides their weights.
#![allow(clippy::indexing_slicing)]

use exchange::About;
use model::Activation;

#[test]
fn metadata_may_be_an_entry_or_a_key_and_what_is_not_understood_is_named() {
    let read =
        |entries: &[(&'static str, &'static str)]| About::from_entries(entries.iter().copied());
    let about = read(&[
        ("class_names", r#"["a", "b"]"#),
        ("activation", "tanh"),
        ("dataset", "12"),
        ("format", "pt"),
    ]);
    let expect = About {
        class_names: Some(vec!["a".into(), "b".into()]),
        activation: Some(Activation::Tanh),
        dataset: Some("12".into()),
        ..About::default()
    };
    assert_eq!(about, (expect.clone(), vec![]));
    let json = expect.to_json();
    assert_eq!(
        About::from_entries([("classifier", json.as_str())]),
        (expect, vec![])
    );
    for wrong in [
        ("activation", "swish"),
        ("class_names", "7"),
        ("input", "[28]"),
        ("pixel_divisor", "much"),
    ] {
        let (about, notes) = read(&[wrong]);
        assert_eq!((about, notes.len()), (About::default(), 1), "{wrong:?}");
        assert!(notes[0].contains(wrong.0), "{notes:?}");
    }
}
