//! Text from outside (names, files, arguments), made safe to print: a terminal obeys some characters instead
//! of showing them.

/// Maximum length of a text echoed in a message, in characters.
const ECHO: usize = 48;

/// Returns `text` on one line, as it can be shown: what a terminal would obey, or what cannot be seen, is
/// replaced by its code, a tab by spaces.
pub fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Returns the same, shortened, for use inside a message.
pub(crate) fn echo(text: &str) -> String {
    match text.char_indices().nth(ECHO) {
        Some((end, _)) => printable(text.get(..end).unwrap_or(text)) + "…",
        None => printable(text),
    }
}

/// Returns a character as it is shown.
pub(crate) fn visible(c: char) -> String {
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
        assert_eq!(echo(&"é".repeat(60)), "é".repeat(48) + "…");
    }
}
