//! Text from outside (names, files, arguments), made safe to print: a terminal obeys some characters instead
//! of showing them. This is the one place that does it, for every crate that can depend on this one.

/// Returns `text` on one line, as it can be shown: what a terminal would obey, or what cannot be seen, is
/// replaced by its code, a tab by spaces.
pub fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Returns the same of at most `longest` characters of `text`, for use inside a message; what is longer ends in `…`.
pub fn excerpt(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => printable(text.get(..end).unwrap_or(text)) + "…",
        None => printable(text),
    }
}

/// Returns a character as [`printable`] shows it.
pub fn visible(c: char) -> String {
    match c {
        '\t' => "    ".to_owned(),
        // A quote or a backslash is harmless, and a path on Windows is full of them.
        '"' | '\'' | '\\' => c.to_string(),
        // Behind a letter, an accent is shown as it is.
        _ => format!("e{c}").escape_debug().skip(1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_as_its_code() {
        for (text, shown) in [
            (
                "plain, Größe, Gro\u{308}ße, 靴 👟",
                "plain, Größe, Gro\u{308}ße, 靴 👟",
            ),
            ("C:\\runs\\\"a\"", "C:\\runs\\\"a\""),
            ("red \u{1b}[31m", "red \\u{1b}[31m"),
            ("title \u{9d}0;x\u{9c}", "title \\u{9d}0;x\\u{9c}"),
            ("two\r\nlines", "two\\r\\nlines"),
            ("tab\there", "tab    here"),
            ("\u{202e}gnp.exe\u{2066}", "\\u{202e}gnp.exe\\u{2066}"),
            (
                "\u{0}\u{7f}\u{200b}\u{feff}",
                "\\0\\u{7f}\\u{200b}\\u{feff}",
            ),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(excerpt(&"é".repeat(60), 48), "é".repeat(48) + "…");
        assert_eq!(excerpt("short", 5), "short");
    }
}
