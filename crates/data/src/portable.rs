//! Names that are a folder's name on every system.

/// The longest such name, in bytes.
const LONGEST: usize = 64;

/// Returns why `name` is not a folder's name on every system, as the rest of a sentence; `None` if it is one.
pub fn name_problem(name: &str) -> Option<&'static str> {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > LONGEST {
        Some("has more than 64 characters")
    } else if name.starts_with('.') {
        Some("begins with a `.`")
    } else if name.ends_with('.') {
        Some("ends in a `.`, which Windows takes off")
    } else if is_device(name) {
        Some("is what Windows calls a device")
    } else if !name.chars().all(is_usual) {
        Some("has a character a folder name should not have")
    } else {
        None
    }
}

/// Returns whether Windows takes a name for a device, whatever its ending
/// (<https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>).
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']))
    };
    ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
}
