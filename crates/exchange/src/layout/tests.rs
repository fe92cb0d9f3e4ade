use super::*;

/// Returns a tensor whose values tell their places: row + column / 1000.
fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let columns = shape.last().copied().unwrap_or(1);
    let count = shape.iter().product::<usize>();
    let value = |i: usize| (i / columns) as f32 + (i % columns) as f32 / 1000.0;
    Tensor {
        name: name.into(),
        shape: shape.to_vec(),
        values: (0..count).map(value).collect(),
    }
}

fn tensors(named: &[(&str, &[usize])]) -> Vec<Tensor> {
    named
        .iter()
        .map(|(name, shape)| tensor(name, shape))
        .collect()
}

/// Returns inputs and outputs of each layer, and whether its weight was transposed.
fn found(
    named: &[(&str, &[usize])],
    told: Option<Layout>,
) -> Result<Vec<(usize, usize, bool)>, ExchangeError> {
    let (steps, _) = steps(tensors(named), told)?;
    let layers = steps.into_iter().filter_map(|step| match step {
        Step::Dense(layer) => Some(layer),
        _ => None,
    });
    Ok(layers
        .map(|layer| {
            let (inputs, outputs) = (layer.inputs(), layer.bias.len());
            // The second value of row 0 is column 1 of the file's row 0, or row 1 of its column 0.
            (inputs, outputs, layer.weight[1] == 1.0)
        })
        .collect())
}

#[test]
fn names_of_every_writer_are_known() {
    let (kept, turned) = (
        Ok(vec![(6, 4, false), (4, 3, false)]),
        Ok(vec![(6, 4, true), (4, 3, true)]),
    );
    let pairs: [(&[&str; 4], bool); 8] = [
        (
            &[
                "layers.0.weight",
                "layers.0.bias",
                "layers.1.weight",
                "layers.1.bias",
            ],
            false,
        ),
        (&["1.weight", "1.bias", "3.weight", "3.bias"], true),
        (&["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"], true),
        (
            &[
                "module.net.9.weight",
                "module.net.9.bias",
                "module.net.10.weight",
                "module.net.10.bias",
            ],
            true,
        ),
        (
            &[
                "sequential/dense/kernel",
                "sequential/dense/bias",
                "sequential/dense_1/kernel",
                "sequential/dense_1/bias",
            ],
            false,
        ),
        (
            &[
                "dense_9/kernel:0",
                "dense_9/bias:0",
                "dense_10/kernel:0",
                "dense_10/bias:0",
            ],
            false,
        ),
        (
            &[
                "layers/dense/vars/0",
                "layers/dense/vars/1",
                "layers/dense_1/vars/0",
                "layers/dense_1/vars/1",
            ],
            false,
        ),
        (&["arr_0", "arr_1", "arr_2", "arr_3"], false),
    ];
    for (names, is_turned) in pairs {
        let [a, b]: [&[usize]; 2] = if is_turned {
            [&[4, 6], &[3, 4]]
        } else {
            [&[6, 4], &[4, 3]]
        };
        let mut named = [
            (names[0], a),
            (names[1], &[4][..]),
            (names[2], b),
            (names[3], &[3][..]),
        ];
        let expect = if is_turned { &turned } else { &kept };
        assert_eq!(&found(&named, None), expect, "{names:?}");
        named.reverse(); // the order in the file is no matter where names have numbers
        assert_eq!(&found(&named, None), expect, "{names:?} reversed");
    }
}

#[test]
fn shapes_decide_and_square_layers_ask() {
    let square: [(&str, &[usize]); 4] = [
        ("0.weight", &[5, 5]),
        ("0.bias", &[5]),
        ("2.weight", &[5, 5]),
        ("2.bias", &[5]),
    ];
    let error = found(&square, None);
    assert_eq!(
        error,
        Err(ExchangeError::Layout("0 5x5 + 5, 2 5x5 + 5".into()))
    );
    assert_eq!(
        found(&square, Some(Layout::InOut)),
        Ok(vec![(5, 5, false); 2])
    );
    assert_eq!(
        found(&square, Some(Layout::OutIn)),
        Ok(vec![(5, 5, true); 2])
    );
    // One layer that is not square settles all of them, and so does Keras's name.
    let mixed: [(&str, &[usize]); 3] = [
        ("0.weight", &[5, 5]),
        ("0.bias", &[5]),
        ("2.weight", &[3, 5]),
    ];
    assert_eq!(found(&mixed, None), Ok(vec![(5, 5, true), (5, 3, true)]));
    let keras: [(&str, &[usize]); 2] = [("dense/kernel", &[5, 5]), ("dense/bias", &[5])];
    assert_eq!(found(&keras, None), Ok(vec![(5, 5, false)]));
    // Without a bias, a single layer says nothing.
    let alone: [(&str, &[usize]); 1] = [("fc.weight", &[784, 10])];
    assert_eq!(
        found(&alone, None),
        Err(ExchangeError::Layout("fc 784x10".into()))
    );
    assert_eq!(
        found(&alone, Some(Layout::InOut)),
        Ok(vec![(784, 10, false)])
    );
    assert!(matches!(
        found(&keras, Some(Layout::OutIn)),
        Err(ExchangeError::Chain(_))
    ));
}

#[test]
fn the_order_comes_from_numbers_or_from_the_file() {
    // Names without numbers: only the order of the file makes a chain.
    let words: [(&str, &[usize]); 4] = [
        ("stem.weight", &[4, 6]),
        ("stem.bias", &[4]),
        ("head.weight", &[3, 4]),
        ("head.bias", &[3]),
    ];
    assert_eq!(found(&words, None), Ok(vec![(6, 4, true), (4, 3, true)]));
    // Both orders make one: nobody can know.
    let alike: [(&str, &[usize]); 6] = [
        ("b.weight", &[4, 4]),
        ("b.bias", &[4]),
        ("a.weight", &[4, 4]),
        ("a.bias", &[4]),
        ("c.weight", &[3, 4]),
        ("c.bias", &[3]),
    ];
    assert_eq!(
        found(&alike, None),
        Err(ExchangeError::Order("a, b, c".into(), "b, a, c".into()))
    );
}

#[test]
fn what_is_no_chain_of_dense_layers_is_refused() {
    let check = |named: &[(&str, &[usize])], expect: &str| {
        assert_eq!(found(named, None).unwrap_err().to_string(), expect);
    };
    check(&[], "the layers do not follow each other: there is none");
    check(
        &[
            ("0.weight", &[4, 6]),
            ("0.bias", &[4]),
            ("2.weight", &[3, 5]),
            ("2.bias", &[3]),
        ],
        "the layers do not follow each other: 0 4x6 + 4, 2 3x5 + 3",
    );
    check(
        &[("0.weight", &[4, 6]), ("0.bias", &[5])],
        "the layers do not follow each other: 0 4x6 + 5",
    );
    check(
        &[("conv.weight", &[8, 1, 3, 3])],
        "tensor `conv.weight` [8, 1, 3, 3] is no weight and no bias of a dense layer",
    );
    check(
        &[("bn.running_mean", &[8])],
        "tensor `bn.running_mean` [8] is no weight and no bias of a dense layer",
    );
    check(
        &[("0.bias", &[8])],
        "tensor `0.bias` [8] is no weight and no bias of a dense layer",
    );
    check(
        &[("0.weight", &[4, 0]), ("0.bias", &[4])],
        "the layers do not follow each other: 0 4x0 + 4",
    );
    let many: Vec<Tensor> = (0..MAX_TENSORS + 1)
        .map(|i| tensor(&format!("{i}.weight"), &[1, 1]))
        .collect();
    assert!(matches!(
        steps(many, None).map(drop),
        Err(ExchangeError::Unsupported { .. })
    ));
}
