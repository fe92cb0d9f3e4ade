//! Which part of a data set a name means.

/// Training, validation or test images. Their order is that of the parts everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    Train = 0,
    Validation = 1,
    Test = 2,
}

impl Split {
    /// Returns what a word means: "training" and "train" are the same.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "train" | "training" | "tr" => Some(Self::Train),
            "val" | "valid" | "validation" | "dev" => Some(Self::Validation),
            "test" | "testing" | "te" | "t10k" => Some(Self::Test),
            _ => None,
        }
    }

    /// Returns the part that a name like `fashion-mnist_train` or `training_set` means; `None` if it means none.
    pub fn of(name: &str) -> Option<Self> {
        words(name).iter().find_map(|word| {
            let plain = ["set", "data", "images"]
                .iter()
                .find_map(|end| word.strip_suffix(end));
            Self::of_word(word).or_else(|| Self::of_word(plain?))
        })
    }
}

/// Returns the words of a name in lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_parts() {
        for (name, expect) in [
            ("train", Some(Split::Train)),
            ("Training_Set", Some(Split::Train)),
            ("trainset", Some(Split::Train)),
            ("fashion-mnist_test.csv", Some(Split::Test)),
            ("x_val", Some(Split::Validation)),
            ("valid", Some(Split::Validation)),
            ("trainer", None),
            ("set", None),
            ("", None),
        ] {
            assert_eq!(Split::of(name), expect, "{name}");
        }
    }
}
