//! The page of an audit: every suspicious image with its labels, most suspicious first.

use data::audit::Place;
use data::audit::duplicates::Near;
use maud::{Markup, html};

use super::html::{Section, document, picture, table};
use crate::audit::Audit;
use crate::drawing;
use crate::failure::Failure;
use crate::format::percent;

/// The most images shown of each kind.
const SHOWN: usize = 200;

/// Returns the page as self-contained HTML.
///
/// # Errors
/// When an image cannot be encoded.
pub fn html(audit: &Audit) -> Result<String, Failure> {
    let data = &audit.data;
    let [train, validation, test] = data.counts(0);
    let header = html! {
        h1 { "Audit of " (data.name) }
        p {
            (train) " training, " (validation) " validation, " (test) " test images in "
            (data.understood.place.display()) ". "
            (percent(audit.agreement)) " of the training images are predicted as their label."
        }
    };
    let section = |id, title, content| Section { id, title, content };
    let sections = [
        section("labels", "Labels that are likely wrong", labels(audit)?),
        section("equal", "Equal images", equal(audit)?),
        section("near", "Nearly equal images", near(audit)?),
        section("odd", "Odd images", odd(audit)?),
    ];
    let footer = format!(
        "Confident learning over cross-validated predictions. Of each kind at most {SHOWN} images are shown; \
         trainer data audit --json has all."
    );
    Ok(document(
        &format!("Audit of {}", data.name),
        &header,
        &sections,
        &footer,
    ))
}

fn labels(audit: &Audit) -> Result<Markup, Failure> {
    let errors = &audit.labels.errors;
    let place = |index| Place {
        part: data::audit::Part::Training,
        index,
    };
    let shown = errors.iter().take(SHOWN).map(|error| {
        let labels = html! {
            br; "label: " b { (audit.class(error.label)) }
            br; "likely: " b { (audit.class(error.likely)) }
            " (by " (percent(error.margin)) ")"
        };
        tile(audit, place(error.index), &labels)
    });
    let tiles: Vec<Markup> = shown.collect::<Result<_, _>>()?;
    let pairs: Vec<Vec<String>> = audit
        .pairs()
        .into_iter()
        .take(20)
        .map(|(count, label, likely)| {
            vec![label.to_string(), likely.to_string(), count.to_string()]
        })
        .collect();
    Ok(html! {
        p { (errors.len()) " labels; the surest first." }
        (sheet(&tiles))
        (table("Images by label and likely class", &["label", "likely", "images"], &pairs))
    })
}

fn equal(audit: &Audit) -> Result<Markup, Failure> {
    let groups = &audit.duplicates.exact;
    let shown = groups.iter().take(SHOWN).filter_map(|group| {
        let (&first, others) = group.split_first()?;
        let others = html! {
            @for &other in others { br; (audit.describe(other)) ": " b { (audit.label(other)) } }
        };
        let labels = html! { ": " b { (audit.label(first)) } (others) };
        Some(tile(audit, first, &labels))
    });
    let tiles: Vec<Markup> = shown.collect::<Result<_, _>>()?;
    Ok(html! { p { (groups.len()) " images are there more than once." } (sheet(&tiles)) })
}

fn near(audit: &Audit) -> Result<Markup, Failure> {
    let pairs = &audit.duplicates.near;
    let mut tiles = Vec::new();
    for &Near {
        one,
        other,
        difference,
    } in pairs.iter().take(SHOWN / 2)
    {
        for place in [one, other] {
            let label = html! { ": " b { (audit.label(place)) } br; "differ by " (format!("{difference:.1}")) };
            tiles.push(tile(audit, place, &label)?);
        }
    }
    Ok(html! { p { (pairs.len()) " pairs; most alike first." } (sheet(&tiles)) })
}

fn odd(audit: &Audit) -> Result<Markup, Failure> {
    let found = &audit.oddities;
    let shown = found
        .iter()
        .take(SHOWN)
        .map(|odd| tile(audit, odd.place, &html! { br; (odd.reason) }));
    let tiles: Vec<Markup> = shown.collect::<Result<_, _>>()?;
    Ok(html! { p { (found.len()) " images." } (sheet(&tiles)) })
}

fn sheet(tiles: &[Markup]) -> Markup {
    html! { div.sheet { @for tile in tiles { (tile) } } }
}

fn tile(audit: &Audit, place: Place, text: &Markup) -> Result<Markup, Failure> {
    let name = audit.describe(place);
    let png = match place.part.of(&audit.data) {
        Some(images) if place.index < images.len() => drawing::image(images, place.index)?,
        _ => Vec::new(),
    };
    Ok(html! { figure { (picture(&png, &name, "")) figcaption { (name) (text) } } })
}
