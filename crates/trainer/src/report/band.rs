//! The tutorial's result compared with Keras's.

use maud::{Markup, html};

/// Mean and standard deviation of Keras 3 on the tutorial's data and recipe, 17 runs (README.md, "Numbers").
const KERAS_ACCURACY: [f64; 2] = [0.8818, 0.0030];
const KERAS_LOSS: [f64; 2] = [0.3403, 0.0083];
const KERAS_RUNS: usize = 17;
/// Standard deviations shown on either side.
const REACH: f64 = 4.0;

/// Returns a picture of a test accuracy and a test loss relative to Keras's.
pub fn against_keras(accuracy: f64, loss: f64) -> Markup {
    html! {
        h3 { "Compared with Keras" }
        p {
            "Keras 3, " (KERAS_RUNS) " runs on the same data with the same recipe, mean ± standard deviation. \
             The dot is this run, the bar one standard deviation to either side of the mean."
        }
        div.bands {
            (band("test accuracy", accuracy, KERAS_ACCURACY))
            (band("test loss", loss, KERAS_LOSS))
        }
    }
}

fn band(name: &str, value: f64, [mean, deviation]: [f64; 2]) -> Markup {
    let off = (value - mean) / deviation;
    let side = if off < 0.0 { "below" } else { "above" };
    let words = format!("{:.1} standard deviations {side} the mean", off.abs());
    let x = |deviations: f64| 150.0 + 140.0 * deviations.clamp(-REACH, REACH) / REACH;
    html! {
        figure {
            svg viewBox="0 0 300 28" role="img" {
                title { (name) " " (format!("{value:.4}")) ": " (words) }
                rect.track x=(x(-REACH)) y="11" width=(x(REACH) - x(-REACH)) height="6" rx="3" {}
                rect.within x=(x(-1.0)) y="8" width=(x(1.0) - x(-1.0)) height="12" rx="2" {}
                line.mean x1=(x(0.0)) x2=(x(0.0)) y1="4" y2="24" {}
                circle.value cx=(format!("{:.1}", x(off))) cy="14" r="6" {}
            }
            figcaption {
                (name) " " strong { (format!("{value:.4}")) } ", Keras " (format!("{mean:.4} ± {deviation:.4}"))
                ": " (words)
            }
        }
    }
}
