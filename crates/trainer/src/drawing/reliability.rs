//! Draws a reliability diagram: accuracy against predicted probability, before and after calibration.

use image::{Rgb, RgbImage};
use model::Reliability;
use model::calibration::{BINS, Bin};

use super::canvas::{
    CAPTION, Canvas, HEADING, INK, LINE, NOTE, PALE, Style, WRONG, style, width_of,
};

const MARGIN: i32 = 28; // around everything
const COLUMN: i32 = 30; // a bin
const PLOT: i32 = COLUMN * BINS as i32; // side of a panel's square
const LEFT: i32 = 44; // room for the numbers of the vertical axis
const BETWEEN: i32 = 36; // panels
const ABOVE: i32 = 84; // heading
const TITLES: i32 = 52; // a panel's title, and the label of its vertical axis
const BELOW: i32 = 78; // numbers and label of the horizontal axis, counts
const LEGEND: i32 = 34;

/// Pale blue from the colour-blind safe palette of Okabe and Ito, <https://jfly.uni-koeln.de/color/>.
const BAR: Rgb<u8> = Rgb([0x8c, 0xbf, 0xdf]);
const TITLE: Style = style(17.0, 0.5, INK);
const COUNT: Style = style(11.0, 0.2, PALE);

/// Draws `before` and `after` calibration side by side; `what` names the images they were measured on.
pub fn draw(what: &str, before: &Reliability, after: &Reliability) -> RgbImage {
    let panel = LEFT + PLOT;
    let width = 2 * panel + BETWEEN + 2 * MARGIN;
    let height = ABOVE + TITLES + PLOT + BELOW + LEGEND;
    let mut canvas = Canvas::new(width, height);
    let room = width - 2 * MARGIN;
    let heading = format!("How far probabilities can be trusted, {what}");
    canvas.text(MARGIN, MARGIN + 20, &heading, room, HEADING);
    let explained = "In each bin, the accuracy should equal the predicted probability: bars should \
                     end at the line.";
    canvas.text(MARGIN, MARGIN + 44, explained, room, CAPTION);
    for (title, reliability, left) in [
        ("before calibration", before, MARGIN + LEFT),
        ("after", after, MARGIN + LEFT + panel + BETWEEN),
    ] {
        let title = format!(
            "{title}: expected calibration error {:.4}",
            reliability.ece()
        );
        canvas.text(left, ABOVE + 20, &title, PLOT, TITLE);
        canvas.panel(left, ABOVE + TITLES, reliability);
    }
    canvas.key(MARGIN + LEFT, height - MARGIN + 6);
    canvas.image
}

impl Canvas {
    /// Draws axes, bars and counts; the square's upper left corner is at `x`, `y`.
    fn panel(&mut self, x: i32, y: i32, reliability: &Reliability) {
        self.text(x, y - 10, "accuracy", PLOT, NOTE);
        for tenth in (0..=10).step_by(2) {
            let (at, number) = (PLOT * tenth / 10, format!("{:.1}", f64::from(tenth) / 10.0));
            self.fill([x, y + PLOT - at, PLOT, 1], LINE);
            let wide = width_of(self.font.as_ref(), &number, NOTE);
            self.text(x - 8 - wide, y + PLOT - at + 5, &number, wide, NOTE);
            self.text(x + at - wide / 2, y + PLOT + 18, &number, wide, NOTE);
        }
        for (column, bin) in (0..).zip(&reliability.bins) {
            self.bar(x + column * COLUMN, y, bin);
        }
        // The line on which every bar should end.
        for at in (0..PLOT).filter(|at| at % 8 < 5) {
            self.fill([x + at, y + PLOT - at - 1, 2, 2], INK);
        }
        self.fill([x, y, 1, PLOT + 1], PALE);
        self.fill([x, y + PLOT, PLOT + 1, 1], PALE);
        let label = "probability of the predicted class; below it, images per bin";
        self.text(x, y + PLOT + 38, label, PLOT, NOTE);
    }

    /// Draws a bin: accuracy as a bar, mean probability as a mark, and the count below.
    fn bar(&mut self, x: i32, y: i32, bin: &Bin) {
        let count = bin.images.to_string();
        let wide = width_of(self.font.as_ref(), &count, COUNT).min(COLUMN);
        let left = x + (COLUMN - wide) / 2;
        self.text(left, y + PLOT + 58, &count, COLUMN, COUNT);
        if bin.images == 0 {
            return;
        }
        let height = |share: f64| (share.clamp(0.0, 1.0) * f64::from(PLOT)).round() as i32;
        let (kept, promised) = (height(bin.accuracy), height(bin.confidence));
        self.fill([x + 1, y + PLOT - kept, COLUMN - 1, kept], BAR);
        self.fill([x + 1, y + PLOT - promised - 1, COLUMN - 1, 3], WRONG);
    }

    /// Draws the legend: bar, mark and line.
    fn key(&mut self, x: i32, baseline: i32) {
        self.fill([x, baseline - 11, 18, 12], BAR);
        let x = x + 26 + self.text(x + 26, baseline, "accuracy", PLOT, CAPTION) + 26;
        self.fill([x, baseline - 6, 18, 3], WRONG);
        let x = x + 26 + self.text(x + 26, baseline, "mean probability", PLOT, CAPTION) + 26;
        for at in (0..14).filter(|at| at % 8 < 5) {
            self.fill([x + at, baseline - at, 2, 2], INK);
        }
        self.text(x + 24, baseline, "where they are equal", PLOT, CAPTION);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two answers of 0.9, one of them right; nothing else.
    fn reliability() -> Reliability {
        Reliability::measure(&[0.9, 0.1, 0.1, 0.9], &[0, 0], 2)
    }

    #[test]
    fn a_bar_is_as_high_as_its_share_and_the_mark_at_its_probability() {
        let image = draw("2 images", &reliability(), &reliability());
        let (bottom, middle) = (ABOVE + TITLES + PLOT, 13 * COLUMN + COLUMN / 2);
        for left in [MARGIN + LEFT, MARGIN + 2 * LEFT + PLOT + BETWEEN] {
            let pixel = |x: i32, up: i32| *image.get_pixel((left + x) as u32, (bottom - up) as u32);
            assert_eq!(pixel(middle, PLOT / 2 - 2), BAR);
            assert_eq!(pixel(middle, PLOT / 2 + 2), Rgb([255; 3]));
            // Beside the middle, where the line of equality crosses the mark.
            let beside = 13 * COLUMN + 2;
            assert_eq!(pixel(beside, (0.9 * f64::from(PLOT)).round() as i32), WRONG);
            assert_eq!(pixel(5 * COLUMN / 2, 3), Rgb([255; 3]), "an empty bin");
        }
    }

    #[test]
    fn no_images_and_absurd_numbers_are_drawn_and_twice_the_same() {
        let empty = Reliability::measure(&[], &[], 2);
        let mut absurd = empty.clone();
        for (bin, number) in absurd
            .bins
            .iter_mut()
            .zip([f64::NAN, f64::INFINITY, -1e9].into_iter().cycle())
        {
            *bin = Bin {
                images: usize::MAX / BINS,
                confidence: number,
                accuracy: -number,
            };
        }
        let long =
            "images of a data set with a name that is far too long for any heading".repeat(3);
        assert!(draw(&long, &empty, &absurd) == draw(&long, &empty, &absurd));
    }
}
