//! Labels as files have them, made class numbers from 0 on.

use crate::dataset::DataError;

/// The classes of numbered labels.
pub(crate) struct Classes {
    /// What each class is called.
    pub names: Vec<String>,
    /// The class of each label; `None` where no class has it.
    numbers: [Option<u8>; 256],
    /// What was done, in plain words.
    pub note: Option<String>,
}

impl Classes {
    /// Returns the classes of `labels`. `first` is the label that is known to be the first, `known` the names that
    /// are known; `wanted` are names that a person gave, or the network's.
    ///
    /// Without names, classes are called as their labels, from 0 to the highest. Labels that begin later are counted
    /// from 0 on, without gaps: the digits 3 and 8 are two classes.
    pub fn of(
        labels: &[&[u8]],
        first: Option<u8>,
        known: Option<Vec<String>>,
        wanted: Option<&[String]>,
    ) -> Self {
        let mut is_used = [false; 256];
        for &label in labels.iter().copied().flatten() {
            if let Some(used) = is_used.get_mut(usize::from(label)) {
                *used = true;
            }
        }
        let all = (0..=255u8).zip(is_used);
        let used: Vec<u8> = all
            .filter(|(_, used)| *used)
            .map(|(label, _)| label)
            .collect();
        let (lowest, highest) = (
            used.first().copied().unwrap_or(0),
            used.last().copied().unwrap_or(0),
        );
        match wanted {
            Some(names) => Self::named(names, &used, first),
            None => match (first, known) {
                (Some(first), Some(names)) if first <= lowest => {
                    let mut classes = Self::from(first, names);
                    if first > 0 {
                        classes.note = Some(counted(first, highest));
                    }
                    classes
                }
                _ if lowest == 0 => {
                    Self::from(0, (0..=highest).map(|label| label.to_string()).collect())
                }
                _ => Self::without_gaps(&used),
            },
        }
    }

    /// Names that were given: of the labels themselves where they are numbers, in the order of the labels from the
    /// first one otherwise.
    fn named(names: &[String], used: &[u8], first: Option<u8>) -> Self {
        let at = |label: &u8| names.iter().position(|name| *name == label.to_string());
        let places: Option<Vec<usize>> = used.iter().map(at).collect();
        if let Some(places) = places {
            let mut classes = Self::from(0, Vec::new());
            classes.names = names.to_vec();
            for (&label, place) in used.iter().zip(places) {
                classes.set(label, place);
            }
            return classes;
        }
        let fits_from_1 = used.first() == Some(&1)
            && used.last().map(|&label| usize::from(label)) == Some(names.len());
        let first = first.unwrap_or(u8::from(fits_from_1));
        let mut classes = Self::from(first, names.to_vec());
        if first > 0 {
            classes.note = Some(counted(first, used.last().copied().unwrap_or(0)));
        }
        classes
    }

    fn without_gaps(used: &[u8]) -> Self {
        let mut classes = Self::from(0, Vec::new());
        classes.names = used.iter().map(u8::to_string).collect();
        for (place, &label) in used.iter().enumerate() {
            classes.set(label, place);
        }
        let names = classes.names.join(", ");
        classes.note = Some(format!(
            "no label is 0: the classes are the labels there are, {names}"
        ));
        classes
    }

    /// Names of the labels from `first` on.
    fn from(first: u8, names: Vec<String>) -> Self {
        let mut classes = Self {
            numbers: [None; 256],
            note: None,
            names,
        };
        for (place, label) in (first..=255).enumerate().take(classes.names.len()) {
            classes.set(label, place);
        }
        classes
    }

    fn set(&mut self, label: u8, place: usize) {
        if let Some(number) = self.numbers.get_mut(usize::from(label)) {
            *number = u8::try_from(place).ok();
        }
    }

    /// Makes labels class numbers.
    ///
    /// # Errors
    /// When a label is of no class.
    pub fn number(&self, labels: &mut [u8]) -> Result<(), DataError> {
        for (index, label) in labels.iter_mut().enumerate() {
            let number = self.numbers.get(usize::from(*label)).copied().flatten();
            *label = number.ok_or(DataError::Label {
                index,
                label: *label,
                classes: self.names.len(),
            })?;
        }
        Ok(())
    }
}

fn counted(first: u8, highest: u8) -> String {
    format!("the labels run from {first} to {highest}: they are counted from 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(labels: &[u8], wanted: Option<&str>, names: &str, expect: &[u8]) {
        let wanted: Option<Vec<String>> =
            wanted.map(|names| names.split(' ').map(String::from).collect());
        let classes = Classes::of(&[labels], None, None, wanted.as_deref());
        assert_eq!(classes.names.join(" "), names, "{labels:?}");
        let mut numbers = labels.to_vec();
        assert_eq!(classes.number(&mut numbers), Ok(()));
        assert_eq!(numbers, expect, "{labels:?} {names}");
    }

    #[test]
    fn labels_become_class_numbers() {
        check(&[0, 1, 3], None, "0 1 2 3", &[0, 1, 3]);
        check(&[3, 8, 3], None, "3 8", &[0, 1, 0]);
        check(&[3, 8, 3], Some("3 8"), "3 8", &[0, 1, 0]); // the network's names
        check(&[1, 2, 3], Some("A B C"), "A B C", &[0, 1, 2]);
        check(&[1, 2], Some("A B C"), "A B C", &[1, 2]);
        check(&[1, 2], Some("0 1 2"), "0 1 2", &[1, 2]);
        check(&[], None, "0", &[]);
        let two = ["A".to_string(), "B".to_string()];
        let classes = Classes::of(&[&[0, 2]], None, None, Some(&two));
        assert!(matches!(
            classes.number(&mut [0, 2]),
            Err(DataError::Label {
                index: 1,
                label: 2,
                classes: 2
            })
        ));
    }
}
