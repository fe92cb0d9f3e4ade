//! Draws classified images as one picture: a grid of tiles, each with the predicted label on top
//! and the true label below. Drawing only; reading data and writing files is the caller's.
//!
//! A wrong tile is marked by shape as well as by colour: thick frame, cross before the label.
//! Write the file with `CompressionType::Default`: half the size of what `RgbImage::save` makes.

use image::{Rgb, RgbImage};

use super::canvas::{
    CAPTION, Canvas, HEADING, INK, LINE, NOTE, Style, WRONG, font, style, width_of,
};

/// One image with its prediction.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    /// Grey values, row by row, `height * width` of them, light on dark; drawn inverted.
    pub pixels: &'a [u8],
    /// Label of the most probable class.
    pub predicted: &'a str,
    /// True label.
    pub actual: &'a str,
    /// Whether the prediction is correct; a wrong one is marked.
    pub correct: bool,
    /// Probability of the predicted class, 0 to 1.
    pub confidence: f32,
    /// Whether the picture is unknown; shown instead of the probability.
    pub unknown: bool,
    /// Number of the image in its file, printed as `#7`.
    pub index: usize,
}

const COLUMNS: usize = 8;
const MARGIN: i32 = 24; // around everything
const GAP: i32 = 18; // between tiles; holds two thick frames
const ZOOMED: usize = 140; // small images are magnified up to this many pixels
const LARGEST: usize = 512; // larger images are cropped
const ABOVE: i32 = 27; // room for the title of a tile
const BELOW: i32 = 24; // room for its caption
const THIN: i32 = 1; // frame of a correct tile
const THICK: i32 = 4; // frame of a wrong one
const LEGEND: i32 = 170; // minimum width, for a single tile
const LONGEST_HEADING: i32 = 1246; // as wide as eight tiles

const TITLE: Style = style(15.0, 0.5, INK);
const WRONG_TITLE: Style = style(15.0, 0.8, WRONG);
const NOTE_TEXT: &str = "above: predicted label, probability · below: true label, image number";

/// Draws `heading`, a legend and the tiles, eight to a row. `height` and `width` are those of each
/// image: small images are magnified by a whole number, and shown up to 512 x 512 pixels. Labels
/// that do not fit are shortened; a character the font lacks shows as a box.
pub fn draw(heading: &str, tiles: &[Tile], height: usize, width: usize) -> RgbImage {
    let font = font();
    let zoom = (ZOOMED / height.max(width).max(1)).max(1) as i32;
    let picture_width = width.min(LARGEST) as i32 * zoom;
    let picture_height = height.min(LARGEST) as i32 * zoom;
    let cell_width = picture_width.max(ZOOMED as i32);
    let cell_height = ABOVE + picture_height + BELOW;

    let columns = tiles.len().clamp(1, COLUMNS);
    let rows = tiles.len().div_ceil(columns) as i32;
    let grid_width = columns as i32 * (cell_width + GAP) - GAP;
    let heading_width = width_of(font.as_ref(), heading, HEADING).min(LONGEST_HEADING);
    let inner_width = grid_width.max(heading_width).max(LEGEND);
    let heading_height = if heading.is_empty() { 0 } else { 36 };
    let top = MARGIN + heading_height + 36;

    let full_width = inner_width + 2 * MARGIN;
    let full_height = top + rows * (cell_height + GAP) - GAP + MARGIN;
    let mut canvas = Canvas::new(full_width, full_height);

    canvas.text(MARGIN, MARGIN + 20, heading, inner_width, HEADING);
    canvas.legend(MARGIN, MARGIN + heading_height, inner_width);
    for (number, tile) in tiles.iter().enumerate() {
        let x = MARGIN + (number % columns) as i32 * (cell_width + GAP);
        let y = top + (number / columns) as i32 * (cell_height + GAP);
        let left = x + (cell_width - picture_width) / 2;
        let picture = [left, y + ABOVE, picture_width, picture_height];
        canvas.picture(picture, tile, width, zoom);
        canvas.title(x, y + 17, tile, cell_width);
        canvas.caption(x, y + ABOVE + picture_height + 19, tile, cell_width);
    }
    canvas.image
}

impl Canvas {
    fn legend(&mut self, x: i32, y: i32, room: i32) {
        self.frame([x + 1, y + 2, 14, 14], true);
        let x = x + 24 + self.text(x + 24, y + 14, "right", room, CAPTION) + 22;
        self.frame([x + THICK, y + THICK, 10, 10], false);
        self.cross(x + 26, y + 14);
        let x = x + 42 + self.text(x + 42, y + 14, "wrong", room, WRONG_TITLE);
        self.note(x + 16, MARGIN + room, y + 14, NOTE_TEXT);
    }

    fn picture(&mut self, [x, y, w, h]: [i32; 4], tile: &Tile, width: usize, zoom: i32) {
        self.frame([x, y, w, h], tile.correct);
        let lines = tile.pixels.chunks(width.max(1)).take((h / zoom) as usize);
        for (top, line) in (y..).step_by(zoom as usize).zip(lines) {
            for (left, value) in (x..x + w).step_by(zoom as usize).zip(line) {
                self.fill([left, top, zoom, zoom], Rgb([255 - value; 3]));
            }
        }
    }

    fn title(&mut self, x: i32, baseline: i32, tile: &Tile, room: i32) {
        let mut left = x;
        if !tile.correct {
            self.cross(x, baseline);
            left += 15;
        }
        let style = if tile.correct { TITLE } else { WRONG_TITLE };
        left += self.text(left, baseline, tile.predicted, x + room - left, style);
        let confidence = if tile.unknown {
            "unknown".to_string()
        } else {
            format!("{:.0} %", 100.0 * tile.confidence.clamp(0.0, 1.0))
        };
        self.note(left, x + room, baseline, &confidence);
    }

    fn caption(&mut self, x: i32, baseline: i32, tile: &Tile, room: i32) {
        let mut left = x + self.text(x, baseline, "true: ", room, NOTE);
        left += self.text(left, baseline, tile.actual, x + room - left, CAPTION);
        self.note(left, x + room, baseline, &format!("#{}", tile.index));
    }

    /// Draws text that ends at `right`; omitted if it would touch text that ends at `left`.
    fn note(&mut self, left: i32, right: i32, baseline: i32, text: &str) {
        let width = width_of(self.font.as_ref(), text, NOTE);
        if left + 6 + width <= right {
            self.text(right - width, baseline, text, width, NOTE);
        }
    }

    /// Draws a frame around the rectangle, not on it, so that no image pixel is covered.
    fn frame(&mut self, [x, y, w, h]: [i32; 4], correct: bool) {
        let line = if correct { THIN } else { THICK };
        let color = if correct { LINE } else { WRONG };
        self.fill([x - line, y - line, w + 2 * line, h + 2 * line], color);
        self.fill([x, y, w, h], Rgb([255; 3]));
    }

    /// Draws a cross of ten pixels square, as the font has no U+2717.
    fn cross(&mut self, x: i32, baseline: i32) {
        for (row, column) in (0..100_i32).map(|at| (at / 10, at % 10)) {
            let off = (row - column).abs().min((row + column - 9).abs()) as f32;
            let alpha = 1.6 - off * std::f32::consts::FRAC_1_SQRT_2;
            self.blend(x + column, baseline - 10 + row, WRONG, alpha);
        }
    }
}

#[cfg(test)]
mod tests;
