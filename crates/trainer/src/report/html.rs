//! The parts of every page: document, sections, tables, pictures. Text is escaped by [`maud`].

use base64::prelude::{BASE64_STANDARD, Engine};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style sheet: colours for light and dark, for screen and paper.
const STYLE: &str = include_str!("page.css");
/// Content security policy: the page may load nothing from outside. The browser enforces it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'";

/// One part of a page.
pub struct Section {
    /// Its anchor: letters and dashes.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its content.
    pub content: Markup,
}

/// Returns a complete, self-contained HTML document.
pub fn document(title: &str, header: &Markup, sections: &[Section], footer: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,"; // otherwise a server is asked for one
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (header) }
                nav aria-label="Contents" {
                    ul { @for s in sections { li { a href={ "#" (s.id) } { (s.title) } } } }
                }
                main {
                    @for s in sections {
                        section id=(s.id) aria-labelledby={ (s.id) "-title" } {
                            h2 id={ (s.id) "-title" } { (s.title) }
                            (s.content)
                        }
                    }
                }
                footer { p { (footer) } }
            }
        }
    };
    page.into_string() + "\n"
}

/// Returns a table whose first column names the rows. It scrolls if it is too wide.
pub fn table<T: AsRef<str>>(caption: &str, header: &[T], rows: &[Vec<String>]) -> Markup {
    scrolling(
        caption,
        &html! {
            table {
                caption { (caption) }
                thead { tr { @for name in header { th scope="col" { (name.as_ref()) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        },
    )
}

/// Returns content that may be wider than the window in a box that scrolls, also by keyboard.
pub fn scrolling(name: &str, content: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(name) tabindex="0" { (content) } }
}

/// Returns content that opens at a click.
pub fn details(summary: &str, content: &Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}

/// Returns a PNG embedded in the page. `alt` describes it; `class` is for the style sheet.
pub fn picture(png: &[u8], alt: &str, class: &str) -> Markup {
    let data = BASE64_STANDARD.encode(png);
    html! { img class=(class) alt=(alt) src={ "data:image/png;base64," (data) }; }
}

/// Returns a note that something is missing from the page, and why.
pub fn missing(what: &str, why: &str) -> Markup {
    html! { p.missing { (what) " not shown: " (why) } }
}
