use super::*;

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line {
        name: name.to_string(),
        color: 0,
        dashed: false,
        points: points.to_vec(),
    }
}

fn chart(lines: Vec<Line>) -> Chart {
    Chart {
        title: "Loss after each epoch".to_string(),
        x: "epoch".to_string(),
        y: "loss".to_string(),
        lines,
        mark: None,
    }
}

/// Returns the coordinates in the attribute `name` of every `element`.
fn coordinates(svg: &str, element: &str, name: &str) -> Vec<f64> {
    let number = |tag: &str| {
        tag.split(&format!(" {name}=\""))
            .nth(1)?
            .split('"')
            .next()?
            .parse()
            .ok()
    };
    svg.split(&format!("<{element}"))
        .skip(1)
        .filter_map(number)
        .collect()
}

#[test]
fn ticks_are_round_and_enclose_the_values() {
    for (low, high, expected) in [
        (0.3129, 0.4912, "0.30 0.35 0.40 0.45 0.50"),
        (0.0, 1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (-3.0, 40.0, "-10 0 10 20 30 40"),
        (2.0, 2.0, "1.8 1.9 2.0 2.1 2.2"),
        (1e-9, 3e-9, "1.0e-9 1.5e-9 2.0e-9 2.5e-9 3.0e-9"),
    ] {
        let axis = Axis::measuring([low, high].into_iter());
        let labels: Vec<String> = axis.ticks.iter().map(|tick| axis.label(*tick)).collect();
        assert_eq!(labels.join(" "), expected);
    }
    let epochs = Axis::counting((1..=10).map(f64::from));
    assert_eq!(epochs.ticks, [2.0, 4.0, 6.0, 8.0, 10.0]);
    let epochs = Axis::counting([1.0].into_iter());
    assert_eq!(
        (epochs.ticks, epochs.low, epochs.high),
        (vec![1.0], 1.0, 1.0)
    );
}

#[test]
fn whatever_the_values_everything_is_inside_the_frame() {
    let extremes = [
        0.0,
        -1.0,
        1e-300,
        3e38,
        -3e38,
        1e308,
        f64::NAN,
        f64::INFINITY,
        7.0,
    ];
    for a in extremes {
        for b in extremes {
            let chart = chart(vec![
                line("a", &[(1.0, a), (2.0, b)]),
                line("b", &[(1.0, b)]),
            ]);
            let svg = svg(&chart).into_string();
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{a} {b}: {svg}"
            );
            let inside = |name: &str| {
                let all = coordinates(&svg, "circle", name);
                all.iter().all(|at| (0.0..=WIDTH).contains(at))
            };
            assert!(inside("cx") && inside("cy"), "{a} {b}: {svg}");
        }
    }
}

#[test]
fn names_at_the_ends_do_not_touch() {
    let places = apart(&[250.0, 30.0, 251.0, 250.5, 31.0]);
    let mut sorted = places.clone();
    sorted.sort_by(f64::total_cmp);
    assert!(
        sorted
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= LINE_HEIGHT),
        "{places:?}"
    );
    assert!(places.iter().all(|at| *at <= BOTTOM), "{places:?}");
    assert_eq!(apart(&[50.0, 100.0]), [50.0, 100.0]);
}

#[test]
fn of_many_points_some_are_drawn_and_the_last() {
    let all: Vec<usize> = (0..100_000).collect();
    let some = thinned(&all);
    assert!(some.len() <= MOST_POINTS + 1, "{}", some.len());
    assert_eq!((some.first(), some.last()), (Some(&0), Some(&99_999)));
    assert_eq!(thinned(&all[..MOST_POINTS]), all[..MOST_POINTS]);
    assert!(thinned::<usize>(&[]).is_empty());
}
