use super::*;

/// A layer and the shapes of its arrays.
type Part = (&'static str, &'static [&'static [usize]]);

const FLATTEN: Part = ("flatten", &[]);
const FIRST: Part = ("dense", &[&[6, 3], &[3]]);
const SECOND: Part = ("dense_1", &[&[3, 2], &[2]]);
const NORM_OF_3: Part = ("batch_normalization", &[&[3], &[3], &[3], &[3]]);

fn file(layers: &[Part]) -> Content {
    let mut content = Content {
        tensors: Vec::new(),
        groups: Vec::new(),
        left_out: Vec::new(),
        config: None,
    };
    for (name, shapes) in layers {
        content.groups.push(format!("layers/{name}"));
        for (i, shape) in shapes.iter().enumerate() {
            content.tensors.push(Tensor {
                name: format!("layers/{name}/vars/{i}"),
                shape: shape.to_vec(),
                values: vec![1.0; shape.iter().product()],
            });
        }
    }
    content
}

fn norm_of(shapes: &'static [&'static [usize]]) -> Part {
    ("batch_normalization", shapes)
}

#[test]
fn it_is_read_where_one_place_is_left() {
    for (layers, expect) in [
        (
            &[FLATTEN, FIRST, NORM_OF_3, SECOND][..],
            "behind the activation of `dense`",
        ),
        (
            &[FIRST, SECOND, norm_of(&[&[2], &[2], &[2], &[2]])],
            "behind `dense_1`",
        ),
        (
            &[FIRST, SECOND, norm_of(&[&[6], &[6]])],
            "before the first layer",
        ),
    ] {
        let network = network(file(layers), &Reading::default()).unwrap();
        let said = network.notes.join("; ");
        assert!(said.contains(expect), "{layers:?}: {said}");
    }
}

#[test]
fn it_is_refused_where_more_are_left() {
    let either = "is before or behind an activation";
    let another = "follows one layer or another";
    let between: Part = ("dense_1", &[&[3, 3], &[3]]);
    let last: Part = ("dense_2", SECOND.1);
    for (layers, expect) in [
        // Nothing shows that layers without weights are listed.
        (&[FIRST, NORM_OF_3, SECOND][..], either),
        // A layer may be the activation, or is of a class that is not known.
        (
            &[FLATTEN, FIRST, NORM_OF_3, ("activation", &[]), SECOND],
            either,
        ),
        (
            &[FLATTEN, FIRST, NORM_OF_3, ("re_lu_3", &[]), SECOND],
            either,
        ),
        (&[FLATTEN, FIRST, between, last, NORM_OF_3], another),
        (
            &[
                FLATTEN,
                FIRST,
                NORM_OF_3,
                ("batch_normalization_1", NORM_OF_3.1),
                SECOND,
            ],
            another,
        ),
        (
            &[FLATTEN, FIRST, SECOND, norm_of(&[&[5], &[5], &[5], &[5]])],
            another,
        ),
        (
            &[FLATTEN, FIRST, SECOND, norm_of(&[&[3], &[3], &[3]])],
            "has a gamma or a beta",
        ),
        (
            &[FLATTEN, FIRST, SECOND, norm_of(&[&[3], &[2]])],
            "different lengths",
        ),
        (
            &[FIRST, NORM_OF_3, SECOND, ("conv2d", &[&[3, 3, 1, 1]])],
            "`layers/conv2d/vars/0`",
        ),
    ] {
        let error = network(file(layers), &Reading::default()).unwrap_err();
        assert!(error.to_string().contains(expect), "{layers:?}: {error}");
    }
}

#[test]
fn a_scale_that_is_not_in_the_file_is_named() {
    for (layers, expect) in [
        (&[FLATTEN, FIRST, SECOND][..], false),
        (&[("rescaling_1", &[][..]), FLATTEN, FIRST, SECOND], true),
    ] {
        let said = unknown_scale(&file(layers).groups);
        assert_eq!(said.is_some_and(|said| said.contains("--scale")), expect);
    }
}
