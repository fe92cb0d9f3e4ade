//! Data sets whose files are known to differ from MNIST's.
//!
//! EMNIST (Cohen et al. 2017, <https://arxiv.org/abs/1702.05373>): its files hold each image transposed, and the
//! letters are labelled from 1 on.

/// The upper-case letters, as the split "letters" has them (both cases are one class).
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
/// The lower-case letters that "balanced" and "bymerge" tell from the upper-case ones.
const OWN_LOWER: &str = "abdefghnqrt";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// A split of EMNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emnist {
    Digits,
    Letters,
    Balanced,
    ByMerge,
    ByClass,
    /// A copy of MNIST's digits.
    Mnist,
    /// A name with "emnist" that says no more.
    Unknown,
}

impl Emnist {
    /// Returns the split of a data set's or a file's name, as `emnist-letters-train-images-idx3-ubyte`.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let split = name.strip_prefix("emnist")?;
        let split = split.trim_start_matches(['-', '_', '.', ' ']);
        let splits = [
            ("digits", Self::Digits),
            ("letters", Self::Letters),
            ("balanced", Self::Balanced),
            ("bymerge", Self::ByMerge),
            ("byclass", Self::ByClass),
            ("mnist", Self::Mnist),
        ];
        let found = splits.iter().find(|(name, _)| split.starts_with(name));
        Some(found.map_or(Self::Unknown, |&(_, split)| split))
    }

    /// Returns the first label.
    pub fn first_label(self) -> u8 {
        u8::from(self == Self::Letters)
    }

    /// Returns the names of the classes, if they are known.
    pub fn class_names(self) -> Option<Vec<String>> {
        let names = match self {
            Self::Digits | Self::Mnist => DIGITS.to_string(),
            Self::Letters => LETTERS.to_string(),
            Self::Balanced | Self::ByMerge => [DIGITS, LETTERS, OWN_LOWER].concat(),
            Self::ByClass => [DIGITS, LETTERS, LOWER].concat(),
            Self::Unknown => return None,
        };
        Some(names.chars().map(String::from).collect())
    }
}

/// Turns images of `[height, width]`, each, over their diagonal, in place.
pub(crate) fn transpose(pixels: &mut [u8], height: usize, width: usize) {
    let mut turned = vec![0; height * width];
    for image in pixels.chunks_exact_mut((height * width).max(1)) {
        for (x, to) in turned.chunks_exact_mut(height.max(1)).enumerate() {
            for (y, to) in to.iter_mut().enumerate() {
                *to = image.get(y * width + x).copied().unwrap_or(0);
            }
        }
        image.copy_from_slice(&turned);
    }
}
