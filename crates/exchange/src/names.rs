//! Names of tensors: what they say of order and of what belongs together.

/// Returns `name` cut where numbers begin and end, so that `layer 10` follows `layer 9`.
pub(crate) fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for letter in name.chars() {
        let is_digit = letter.is_ascii_digit();
        match parts.last_mut() {
            Some((digits, part)) if *digits == is_digit => part.push(letter),
            _ => parts.push((is_digit, letter.into())),
        }
    }
    let key = |(is_number, part): (bool, String)| match part.parse() {
        Ok(number) if is_number => (number, String::new()),
        _ => (u64::MAX, part),
    };
    parts.into_iter().map(key).collect()
}

/// Returns the words and numbers of a name, in lower case: `hiddenWeights_01` is hidden, weights, 1.
pub(crate) fn words(name: &str) -> Vec<String> {
    #[derive(PartialEq, Clone, Copy)]
    enum Kind {
        Upper,
        Lower,
        Digit,
        Other,
    }
    let kind = |letter: char| match letter {
        _ if letter.is_ascii_digit() => Kind::Digit,
        _ if letter.is_uppercase() => Kind::Upper,
        _ if letter.is_alphabetic() => Kind::Lower,
        _ => Kind::Other,
    };
    let mut words: Vec<String> = Vec::new();
    let mut before = Kind::Other;
    for letter in name.chars() {
        let now = kind(letter);
        let goes_on = before == now || (before == Kind::Upper && now == Kind::Lower);
        match words.last_mut() {
            Some(word) if goes_on => word.extend(letter.to_lowercase()),
            _ if now == Kind::Other => {}
            _ => words.push(letter.to_lowercase().collect()),
        }
        before = now;
    }
    words.retain(|word| word.chars().any(char::is_alphanumeric));
    for word in &mut words {
        if let Ok(number) = word.parse::<u64>() {
            *word = number.to_string(); // 01 is 1
        }
    }
    words
}

/// Returns how many words two names have in common.
pub(crate) fn likeness(one: &[String], other: &[String]) -> usize {
    let mut rest: Vec<&String> = other.iter().collect();
    let mut common = 0;
    for word in one {
        if let Some(at) = rest.iter().position(|other| *other == word) {
            rest.swap_remove(at);
            common += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_of_names() {
        for (name, expect) in [
            ("W1", &["w", "1"][..]),
            ("coefs_0", &["coefs", "0"]),
            ("hiddenWeights_01", &["hidden", "weights", "1"]),
            ("dense/kernel:0", &["dense", "kernel", "0"]),
            ("", &[]),
        ] {
            assert_eq!(words(name), expect, "{name}");
        }
        assert_eq!(likeness(&words("W11"), &words("b1")), 0);
        assert_eq!(likeness(&words("fc1_weight"), &words("fc1_bias")), 2);
    }
}
