//! Formatting of counts, figures, settings and paths for users.

use std::path::Path;

/// Returns a count with its noun: `1 epoch`, `2 epochs`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Returns a figure with four decimals, or a dash if it is absent.
pub fn figure(figure: Option<f64>) -> String {
    figure.map_or("-".into(), |figure| format!("{figure:.4}"))
}

/// Returns a share, 0 to 1, in percent: `12.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Returns a setting without its table, `hidden=[256]`, except for keys called `name`.
pub fn setting(key: &str, value: &str) -> String {
    match key.split_once('.') {
        Some((_, last)) if last != "name" => format!("{last}={value}"),
        _ => format!("{key}={value}"),
    }
}

/// Returns `path` quoted for a shell, if needed.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(|c: char| c.is_whitespace() || "'\"$`\\;&|<>()*?[]#~!".contains(c)) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        text
    }
}

/// Returns text as a cell of a table. A spreadsheet takes some beginnings for a formula and runs it: an
/// apostrophe keeps it from that (<https://owasp.org/www-community/attacks/CSV_Injection>).
pub fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_quoted = text.starts_with('\''); // or what has one already would come back without
    format!("{}{text}", if is_formula || is_quoted { "'" } else { "" })
}

/// Returns the text of a [`cell`].
pub fn text_of(cell: &str) -> &str {
    let text = cell.strip_prefix('\'').unwrap_or(cell);
    if self::cell(text) == cell { text } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spreadsheet_runs_a_name_and_every_name_comes_back() {
        for (name, expected) in [
            ("=1+1", "'=1+1"),
            ("+a", "'+a"),
            ("-a", "'-a"),
            ("@a", "'@a"),
            ("'=a", "''=a"),
            ("'a", "''a"),
            ("a=b", "a=b"),
        ] {
            assert_eq!((cell(name).as_str(), text_of(expected)), (expected, name));
        }
        assert_eq!(text_of("'old"), "'old"); // of a table that an earlier version wrote
    }
}
