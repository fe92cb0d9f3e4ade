//! Which columns hold the pictures and their labels.

use serde_json::Value;

use super::footer::{Column, Footer, Values};
use super::quoted;

/// What columns of pictures and of labels are called where nothing says what they are.
const PICTURES: [&str; 6] = ["image", "img", "images", "picture", "photo", "bytes"];
const LABELS: [&str; 8] = [
    "label",
    "labels",
    "class",
    "category",
    "target",
    "digit",
    "fine_label",
    "y",
];
/// The longest note of Hugging Face's that is read.
const NOTE: usize = 1 << 20;

/// The columns that are read, by their places, and the names of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    pub pictures: usize,
    /// `None` where no column has labels, as of test pictures of a competition.
    pub labels: Option<usize>,
    /// Whether labels are numbers; otherwise they are texts.
    pub are_numbers: bool,
    pub class_names: Option<Vec<String>>,
}

impl Columns {
    /// Finds the columns: those that Hugging Face's note names, or by their own names.
    pub fn of(footer: &Footer) -> Result<Self, String> {
        let note = footer.hugging_face.as_deref();
        let note = note.filter(|note| note.len() <= NOTE);
        let note: Value = note
            .and_then(|note| serde_json::from_str(note).ok())
            .unwrap_or_default();
        let feature = |column: &Column| {
            let name = column.path.first()?;
            note.get("info")?.get("features")?.get(name)
        };
        let is = |column: &Column, kind: &str| {
            feature(column).is_some_and(|feature| feature["_type"] == kind)
        };
        let find = |fits: &dyn Fn(&Column) -> bool| {
            let mut columns = footer.columns.iter();
            columns.position(|column| !column.is_list && fits(column))
        };
        let called = |column: &Column, names: &[&str]| {
            let lower = column.path.first().map(|name| name.to_lowercase());
            lower.is_some_and(|name| names.contains(&name.as_str()))
        };
        let named_labels = LABELS.iter().find_map(|label| {
            find(&|column| is_label(column) && is(column, "ClassLabel") && called(column, &[label]))
        });
        let labels = named_labels
            .or_else(|| find(&|column| is_label(column) && is(column, "ClassLabel")))
            .or_else(|| {
                let by_name = |label| find(&|column| is_label(column) && called(column, &[label]));
                LABELS.iter().copied().find_map(by_name)
            });
        let pictures = find(&|column| is_picture(column) && is(column, "Image"))
            .or_else(|| find(&|column| is_picture(column) && column.path.len() == 2))
            .or_else(|| find(&|column| is_picture(column) && called(column, &PICTURES)));
        let Some(pictures) = pictures else {
            return Err(format!(
                "has no column of pictures; there are: {}",
                names(footer)
            ));
        };
        let label = labels.and_then(|place| footer.columns.get(place));
        Ok(Self {
            pictures,
            labels,
            are_numbers: label.is_none_or(|column| column.values != Values::Bytes),
            class_names: label.and_then(feature).and_then(class_names),
        })
    }
}

/// Bytes, by themselves or beside the path that they had.
fn is_picture(column: &Column) -> bool {
    let is_path = match &column.path[..] {
        [_] => true,
        [_, name] => name == "bytes",
        _ => false,
    };
    is_path && column.values == Values::Bytes
}

fn is_label(column: &Column) -> bool {
    column.path.len() == 1 && column.values != Values::Others
}

fn class_names(feature: &Value) -> Option<Vec<String>> {
    let names = feature.get("names")?.as_array()?.iter();
    let names: Option<Vec<String>> = names.map(|name| name.as_str().map(String::from)).collect();
    names.filter(|names| (1..=256).contains(&names.len()))
}

/// Returns the first names of the columns.
pub fn names(footer: &Footer) -> String {
    let shown = footer.columns.iter().take(10);
    let shown: Vec<String> = shown.map(|column| quoted(&column.path.join("."))).collect();
    shown.join(", ")
}
