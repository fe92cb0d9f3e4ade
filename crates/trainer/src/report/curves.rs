//! The learning curves of a run alone, as an SVG file.

use experiment::Metric;

use super::chart::{self, Chart, Line};
use crate::run::epoch::EpochMetrics;

/// The colours of a page by day: a file of its own has no style sheet around it.
const STYLE: &str = "\
svg{background:#fff;font:13px system-ui,sans-serif;--c0:#0069a6;--c1:#b04600}\
text{fill:#1a1a1a}.tick{fill:#555b61;font-size:12px}.grid{stroke:#d3d7db}.axis{stroke:#555b61}\
polyline{fill:none;stroke-width:2;stroke-linejoin:round}.dashed polyline{stroke-dasharray:6 4}\
.c0 *{--c:var(--c0)}.c1 *{--c:var(--c1)}g polyline{stroke:var(--c)}g circle,g text{fill:var(--c)}\
circle{r:1.4px}";

/// The words of a chart of learning curves.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// What the vertical axis measures.
    pub metric: &'a str,
    /// What the horizontal axis counts.
    pub epoch: &'a str,
    /// The line of the training images, and that of the validation images.
    pub images: [&'a str; 2],
}

/// Returns a metric on training and validation images after each epoch, as an SVG file.
pub fn svg(epochs: &[EpochMetrics], metric: Metric, words: Words) -> String {
    let line = |place: usize, figure: &dyn Fn(&EpochMetrics) -> Option<f64>| Line {
        name: words.images.get(place).copied().unwrap_or_default().into(),
        color: place,
        dashed: place > 0,
        points: epochs
            .iter()
            .filter_map(|epoch| Some((epoch.epoch as f64, figure(epoch)?)))
            .collect(),
    };
    let chart = Chart {
        title: words.metric.to_string(),
        x: words.epoch.to_string(),
        y: words.metric.to_string(),
        lines: vec![
            line(0, &|epoch| epoch.train.get(metric)),
            line(1, &|epoch| epoch.validation(metric)),
        ],
        mark: None,
    };
    let element = chart::svg(&chart).into_string();
    let rest = element.strip_prefix("<svg ").unwrap_or(&element);
    let (attributes, content) = rest.split_once('>').unwrap_or((rest, ""));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"480\" height=\"300\" {attributes}>\
         <style>{STYLE}</style>{content}\n"
    )
}

#[cfg(test)]
mod tests {
    use experiment::Figures;

    use super::*;

    #[test]
    fn a_file_of_its_own_has_a_namespace_a_style_and_both_lines() {
        let figures = |accuracy| {
            Figures::find(|key| match key {
                "loss" => Some(0.5),
                "accuracy" => Some(accuracy),
                _ => None,
            })
        };
        let epochs: Vec<EpochMetrics> = (1..=3)
            .map(|epoch| EpochMetrics {
                epoch,
                learning_rate: 0.1,
                train: figures(0.3 * epoch as f64),
                validation: Some(figures(0.1)),
                seconds: 1.0,
            })
            .collect();
        let words = Words {
            metric: "acurácia",
            epoch: "época",
            images: ["treino", "validação"],
        };
        let svg = svg(&epochs, Metric::ACCURACY, words);
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 2);
        for word in ["<style>", "acurácia", ">época<", ">treino<", ">validação<"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
