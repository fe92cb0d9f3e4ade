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
