//! A canvas for drawing rectangles and text on white.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use epaint_default_fonts::UBUNTU_LIGHT;
use image::{Rgb, RgbImage};

/// Text.
pub const INK: Rgb<u8> = Rgb([0x1a, 0x1a, 0x1a]);
/// Less important text.
pub const PALE: Rgb<u8> = Rgb([0x70, 0x70, 0x70]);
/// Thin lines.
pub const LINE: Rgb<u8> = Rgb([0xb8, 0xb8, 0xb8]);
/// Vermillion of the colour-blind safe palette of Okabe and Ito, <https://jfly.uni-koeln.de/color/>.
pub const WRONG: Rgb<u8> = Rgb([0xd5, 0x5e, 0x00]);

pub const HEADING: Style = style(22.0, 0.5, INK);
pub const CAPTION: Style = style(13.0, 0.2, INK);
pub const NOTE: Style = style(13.0, 0.2, PALE);

/// Returns the font, Ubuntu Light; `None` would be a bug in its crate, and text is then omitted.
pub fn font() -> Option<FontRef<'static>> {
    FontRef::try_from_slice(UBUNTU_LIGHT).ok()
}

/// Style of text: size of the em square and extra stroke width in pixels, and colour.
#[derive(Clone, Copy)]
pub struct Style {
    pub size: f32,
    pub bold: f32,
    pub color: Rgb<u8>,
}

/// Returns a [`Style`].
pub const fn style(size: f32, bold: f32, color: Rgb<u8>) -> Style {
    Style { size, bold, color }
}

/// A picture being drawn. Anything outside it is clipped.
pub struct Canvas {
    pub image: RgbImage,
    pub font: Option<FontRef<'static>>, // `None`: everything but the text is drawn
}

impl Canvas {
    /// Returns a white picture.
    pub fn new(width: i32, height: i32) -> Self {
        Self {
            image: RgbImage::from_pixel(width as u32, height as u32, Rgb([255; 3])),
            font: font(),
        }
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, [x, y, w, h]: [i32; 4], color: Rgb<u8>) {
        let width = self.image.width() as usize;
        let within = |start: i32, count: i32, end: u32| {
            let inside = |edge: i32| edge.clamp(0, end as i32) as usize;
            inside(start)..inside(start + count)
        };
        let columns = within(x, w, self.image.width());
        let rows = within(y, h, self.image.height());
        let line = color.0.repeat(columns.len());
        for row in rows {
            let start = 3 * (row * width + columns.start);
            if let Some(pixels) = self.image.get_mut(start..start + line.len()) {
                pixels.copy_from_slice(&line);
            }
        }
    }

    /// Mixes a colour into one pixel; `alpha` 1 covers it.
    pub fn blend(&mut self, x: i32, y: i32, color: Rgb<u8>, alpha: f32) {
        let alpha = alpha.clamp(0.0, 1.0);
        // As u32 a negative number is too large: one check for both sides.
        if let Some(pixel) = self.image.get_pixel_mut_checked(x as u32, y as u32) {
            for (below, above) in pixel.0.iter_mut().zip(color.0) {
                let mixed = f32::from(*below) * (1.0 - alpha) + f32::from(above) * alpha;
                *below = mixed.round() as u8;
            }
        }
    }

    /// Draws at most `room` pixels of text and returns how many it took.
    pub fn text(&mut self, x: i32, baseline: i32, text: &str, room: i32, style: Style) -> i32 {
        let Some(font) = self.font.clone() else {
            return 0;
        };
        let text = shorten(&font, text, style, room);
        for (_, mut glyph, _) in typeset(&font, &text, style.size) {
            glyph.position += point(x as f32, baseline as f32);
            for _ in 0..2 {
                self.glyph(&font, glyph.clone(), style.color);
                glyph.position.x += style.bold;
            }
        }
        width_of(Some(&font), &text, style)
    }

    fn glyph(&mut self, font: &FontRef, glyph: Glyph, color: Rgb<u8>) {
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|column, row, alpha| {
                self.blend(left + column as i32, top + row as i32, color, alpha);
            });
        }
    }
}

/// Returns the width of `text` in pixels.
pub fn width_of(font: Option<&FontRef>, text: &str, style: Style) -> i32 {
    let glyphs = font.map_or_else(Vec::new, |font| typeset(font, text, style.size));
    let end = glyphs.last().map_or(0.0, |(.., end)| end + style.bold);
    end.ceil() as i32
}

/// Returns `text`, shortened with an ellipsis if it does not fit `room` pixels.
pub fn shorten(font: &FontRef, text: &str, style: Style, room: i32) -> String {
    if width_of(Some(font), text, style) <= room {
        return text.to_owned();
    }
    let room = (room - width_of(Some(font), "…", style)) as f32;
    let glyphs = typeset(font, text, style.size);
    let kept = glyphs.iter().take_while(|(.., end)| *end <= room).count();
    let cut = glyphs.get(kept).map_or(text.len(), |(start, ..)| *start);
    format!("{}…", text.get(..cut).unwrap_or_default().trim_end())
}

/// Start in `text`, glyph and end of each character. Kerns if the font has a `kern` table (not GPOS).
fn typeset(font: &FontRef, text: &str, size: f32) -> Vec<(usize, Glyph, f32)> {
    let em = font.units_per_em().unwrap_or(1000.0);
    let font = font.as_scaled(PxScale::from(size * font.height_unscaled() / em));
    let (mut end, mut before) = (0.0, None);
    let place = |(start, character)| {
        let id = font.glyph_id(character);
        let kern = before.replace(id).map_or(0.0, |left| font.kern(left, id));
        let glyph = id.with_scale_and_position(font.scale(), point(end + kern, 0.0));
        end += kern + font.h_advance(id);
        (start, glyph, end)
    };
    text.char_indices().map(place).collect()
}
