//! An experiment: a TOML file, and behind each zero byte an override as `--set` takes it.
#![no_main]

use experiment::{Source, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut texts = text.split('\0').map(str::to_owned);
    let file = Source {
        label: "my.toml".into(),
        text: texts.next().unwrap_or_default(),
    };
    let overrides: Vec<String> = texts.collect();
    match load(file, &overrides) {
        Ok(experiment) => {
            // What was understood can be written, and is understood again as the same.
            let toml = experiment.to_toml().expect("what was read can be written");
            let again = Source {
                label: "again.toml".into(),
                text: toml.clone(),
            };
            let again = load(again, &[]).expect("what was written can be read");
            assert_eq!(again.to_toml().expect("as before"), toml);
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.is_empty());
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
});
