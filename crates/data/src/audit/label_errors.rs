//! Labels that are likely wrong, by confident learning (Northcutt, Jiang and Chuang 2021, <https://arxiv.org/abs/1911.00068>).
//!
//! Predictions come from networks that were not trained on the image (cross-validation). A class is confidently predicted
//! for an image if its probability is at least as high as it is, on average, for the images that have its label: networks
//! are surer of some classes than of others. An image that is confidently of another class than its label says is likely
//! mislabelled. The counts of (label, confident class) are the confident joint; the images off its diagonal are returned,
//! except those whose label is more probable still (as the authors' cleanlab does).

/// A label that is likely wrong.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct LabelError {
    /// The number of the image among those predicted.
    pub index: usize,
    /// The label it has.
    pub label: u8,
    /// The class it likely is of.
    pub likely: u8,
    /// How much more probable that class is than the label, above 0 and at most 1.
    pub margin: f64,
}

/// What predictions say of labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Labels that are likely wrong, the widest margin first.
    pub errors: Vec<LabelError>,
    /// For each label, how many images are confidently of each class, `[classes, classes]`.
    pub joint: Vec<Vec<usize>>,
}

/// Returns the labels that are likely wrong, by the predicted probabilities `[images, classes]`. A class without images
/// is never confidently predicted. Probabilities that are not finite count as 0.
pub fn find(probabilities: &[f32], labels: &[u8], classes: usize) -> Found {
    let rows = || {
        let rows = probabilities.chunks_exact(classes.max(1));
        labels.iter().copied().zip(rows)
    };
    let thresholds = thresholds(rows(), classes);
    let mut found = Found {
        errors: Vec::new(),
        joint: vec![vec![0; classes]; classes],
    };
    for (index, (label, row)) in rows().enumerate() {
        let Some(likely) = likely(row, label.into(), &thresholds) else {
            continue;
        };
        let counts = found.joint.get_mut(usize::from(label));
        if let Some(count) = counts.and_then(|counts| counts.get_mut(likely)) {
            *count += 1;
        }
        let margin = of(row, likely) - of(row, label.into());
        if margin > 0.0 {
            found.errors.push(LabelError {
                index,
                label,
                likely: likely as u8, // a label is a byte
                margin,
            });
        }
    }
    found
        .errors
        .sort_by(|one, other| other.margin.total_cmp(&one.margin));
    found
}

/// Returns the mean probability of each class for the images that have its label, `[classes]`; infinite without any.
fn thresholds<'a>(rows: impl Iterator<Item = (u8, &'a [f32])>, classes: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0usize); classes];
    for (label, row) in rows {
        if let Some((sum, count)) = sums.get_mut(usize::from(label)) {
            *sum += of(row, label.into());
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, usize)| {
        if count == 0 {
            f64::INFINITY
        } else {
            sum / count as f64
        }
    };
    sums.into_iter().map(mean).collect()
}

/// Returns the most probable of the confidently predicted classes. Of two that are equally probable, the label is believed.
fn likely(row: &[f32], label: usize, thresholds: &[f64]) -> Option<usize> {
    let confident = (0..).zip(thresholds);
    let confident = confident.filter(|&(class, &least)| of(row, class) >= least);
    let believed = |class: usize| (of(row, class), class == label);
    confident.map(|(class, _)| class).max_by(|&one, &other| {
        let ((a, is_a), (b, is_b)) = (believed(one), believed(other));
        a.total_cmp(&b).then(is_a.cmp(&is_b))
    })
}

/// Returns the probability of a class; 0 if it is not finite.
fn of(row: &[f32], class: usize) -> f64 {
    let value = row.get(class).copied().unwrap_or(0.0);
    if value.is_finite() {
        f64::from(value)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paper's idea in numbers: class 0 is predicted with less confidence than class 1, so that 0.6 is enough for it.
    #[test]
    fn each_class_has_its_own_threshold() {
        let rows = [
            (0, [0.7, 0.3]),
            (0, [0.6, 0.4]),
            (0, [0.05, 0.95]), // likely 1
            (1, [0.1, 0.9]),
            (1, [0.2, 0.8]),
            (1, [0.55, 0.45]), // likely 0: above the mean of class 0
            (1, [0.36, 0.64]), // below both thresholds
            (1, [0.46, 0.54]), // confidently 0, but its label is more probable
        ];
        let labels = rows.map(|(label, _)| label);
        let found = find(&rows.map(|(_, row)| row).concat(), &labels, 2);
        let errors: Vec<[usize; 3]> = found
            .errors
            .iter()
            .map(|e| [e.index, usize::from(e.label), usize::from(e.likely)])
            .collect();
        assert_eq!(errors, [[2, 0, 1], [5, 1, 0]]);
        assert!((found.errors[0].margin - 0.9).abs() < 1e-6);
        assert_eq!(found.joint, [[2, 1], [2, 2]]);
    }

    #[test]
    fn nothing_follows_from_nothing() {
        assert_eq!(find(&[], &[], 0), Found::default());
        let nan = find(&[f32::NAN, f32::NAN], &[1], 2);
        assert_eq!((nan.errors.len(), &nan.joint[1][..]), (0, &[0, 1][..]));
    }
}
