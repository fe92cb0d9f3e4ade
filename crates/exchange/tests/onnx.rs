//! Graphs of every exporter that mean the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use exchange::protobuf::Message;
use model::{Activation, Output};

/// A constant: name, shape and numbers.
type Constant<'a> = (&'a str, &'a [u64], &'a [f32]);
/// A node: operator, inputs, outputs, and its attributes, whole numbers or floats.
type Node<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [(&'a str, f32)]);

/// A layer's weight and bias, or why there is none.
type Found = Result<[Vec<f32>; 2], String>;

/// The layers 3-2-2 of the tests, as a graph has them.
const CONSTANTS: [Constant; 14] = [
    ("w", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ("wT", &[2, 3], &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]),
    ("b", &[2], &[0.5, -0.5]),
    ("v", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
    ("u", &[2, 1], &[2.0, 3.0]),
    ("half", &[], &[0.5]),
    ("four", &[1, 1, 1, 1], &[0.25]),
    ("three", &[3], &[1.0, 2.0, 4.0]),
    ("mean", &[2], &[1.0, 2.0]),
    ("variance", &[2], &[3.0, 8.0]),
    ("one", &[1], &[1.0]),
    ("root", &[], &[std::f32::consts::FRAC_1_SQRT_2]),
    ("byte", &[], &[255.0]),
    ("two", &[1], &[2.0]),
];
const REST: [Node; 2] = [
    ("Relu", &["h"], &["a"], &[]),
    ("MatMul", &["a", "v"], &["y"], &[]),
];

/// Returns a file whose graph has these nodes and outputs.
fn file(nodes: &[Node], outputs: &[&str]) -> Vec<u8> {
    let mut graph = Message::default();
    for (name, shape, values) in CONSTANTS {
        let dims = shape
            .iter()
            .fold(Message::default(), |m, &size| m.number(1, size));
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        graph = graph.bytes(5, dims.number(2, 1).bytes(8, name).bytes(9, bytes));
    }
    for (operator, inputs, outputs, attributes) in nodes {
        let mut node = inputs
            .iter()
            .fold(Message::default(), |m, name| m.bytes(1, name));
        node = outputs
            .iter()
            .fold(node, |m, name| m.bytes(2, name))
            .bytes(4, operator);
        for &(name, value) in *attributes {
            let attribute = Message::default().bytes(1, name);
            let is_float = ["alpha", "beta", "epsilon"].contains(&name);
            node = node.bytes(
                5,
                match is_float {
                    true => attribute.float(2, value),
                    false => attribute.number(3, value as u64),
                },
            );
        }
        graph = graph.bytes(1, node);
    }
    // [batch, 1, 1, 3]
    let dim = |size: u64| Message::default().number(1, size);
    let shape = [0, 1, 1, 3]
        .iter()
        .fold(Message::default(), |m, &size| m.bytes(1, dim(size)));
    let kind = Message::default().number(1, 1).bytes(2, shape);
    let input = Message::default()
        .bytes(1, "x")
        .bytes(2, Message::default().bytes(1, kind));
    graph = graph.bytes(11, input);
    graph = outputs.iter().fold(graph, |m, name| {
        m.bytes(12, Message::default().bytes(1, name))
    });
    Message::default().number(1, 8).bytes(7, graph).0
}

/// Returns the first layer's weight and bias.
fn first(nodes: &[Node]) -> Found {
    let (_, network) = exchange::read(&file(nodes, &["y"]), &exchange::Reading::default())
        .map_err(|e| e.to_string())?;
    assert_eq!(network.about.activation, Some(Activation::Relu));
    Ok([
        network.tensors[0].values.clone(),
        network.tensors[1].values.clone(),
    ])
}

#[test]
fn the_first_layer_in_many_graphs() {
    let plain = Ok([vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0.5, -0.5]]);
    let shifted = |by: f32| {
        Ok([
            vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            vec![0.5 + 9.0 * by, -0.5 + 12.0 * by],
        ])
    };
    let gemm: Node = ("Gemm", &["f", "w", "b"], &["h"], &[]);
    let flatten: Node = ("Flatten", &["x"], &["f"], &[]);
    let cases: Vec<(&str, Vec<Node>, Found)> = vec![
        ("Gemm", vec![flatten, gemm], plain.clone()),
        ("transposed", vec![flatten, ("Gemm", &["f", "wT", "b"], &["h"], &[("transB", 1.0)])], plain.clone()),
        (
            "a transposed constant",
            vec![flatten, ("Transpose", &["wT"], &["t"], &[]), ("Gemm", &["f", "t", "b"], &["h"], &[])],
            plain.clone(),
        ),
        (
            "alpha and beta",
            vec![flatten, ("Gemm", &["f", "w", "b"], &["h"], &[("alpha", 2.0), ("beta", 4.0)])],
            Ok([vec![2.0, 4.0, 6.0, 8.0, 10.0, 12.0], vec![2.0, -2.0]]),
        ),
        (
            "MatMul and Add, the constant first",
            vec![flatten, ("MatMul", &["f", "w"], &["m"], &[]), ("Add", &["b", "m"], &["h"], &[])],
            plain.clone(),
        ),
        ("Sub before Flatten", vec![("Sub", &["x", "four"], &["s"], &[]), ("Flatten", &["s"], &["f"], &[]), gemm], shifted(-0.25)),
        ("a constant minus the pixels", vec![
            ("Sub", &["one", "x"], &["s"], &[]), ("Flatten", &["s"], &["f"], &[]), gemm,
        ], Ok([vec![-1.0, -2.0, -3.0, -4.0, -5.0, -6.0], vec![9.5, 11.5]])),
        ("one factor for each pixel", vec![
            ("Mul", &["x", "three"], &["s"], &[]), ("Flatten", &["s"], &["f"], &[]), gemm,
        ], Ok([vec![1.0, 2.0, 6.0, 8.0, 20.0, 24.0], vec![0.5, -0.5]])),
        ("divided by 255: bytes", vec![("Div", &["x", "byte"], &["s"], &[]), ("Flatten", &["s"], &["f"], &[]), gemm], plain.clone()),
        ("batch normalisation behind", vec![
            flatten, ("Gemm", &["f", "w", "b"], &["g"], &[]),
            ("BatchNormalization", &["g", "mean", "mean", "mean", "variance"], &["h"], &[("epsilon", 1.0)]),
        ], Ok([vec![0.5, 4.0 / 3.0, 1.5, 8.0 / 3.0, 2.5, 4.0], vec![0.75, 1.0 / 3.0]])),
        ("Dropout and its mask", vec![flatten, ("Gemm", &["f", "w", "b"], &["g"], &[]), ("Dropout", &["g"], &["h", "mask"], &[])], plain.clone()),
        ("a branch", vec![
            flatten, ("Gemm", &["f", "w", "b"], &["g"], &[]), ("Relu", &["g"], &["r"], &[]), ("Add", &["g", "r"], &["h"], &[]),
        ], Err("the ONNX graph cannot run here: the node Add (`h`) joins two values: the graph is no chain".into())),
        ("an operator that is not known", vec![flatten, ("Selu", &["f"], &["h"], &[])],
            Err("the ONNX graph cannot run here: the node Selu (`h`) is none of the operators that run here".into())),
    ];
    for (name, nodes, expect) in cases {
        let found = first(&[&nodes[..], &REST].concat());
        match (&found, &expect) {
            (Ok(found), Ok(expect)) => {
                let values = found.iter().flatten().zip(expect.iter().flatten());
                for (a, b) in values {
                    assert!((a - b).abs() < 1e-5, "{name}: {found:?}");
                }
            }
            _ => assert_eq!(found, expect, "{name}"),
        }
    }
}

#[test]
fn scales_between_layers_and_behind_them() {
    let head: [Node; 2] = [
        ("Flatten", &["x"], &["f"], &[]),
        ("Gemm", &["f", "w", "b"], &["h"], &[]),
    ];
    let nodes = [
        &head[..],
        &[
            ("Relu", &["h"], &["a"], &[]),
            ("Mul", &["a", "half"], &["m"], &[]),
            ("Add", &["m", "mean"], &["n"], &[]),
            ("MatMul", &["n", "v"], &["z"], &[]),
            ("Div", &["z", "half"], &["y"], &[]),
        ],
    ]
    .concat();
    let (_, network) =
        exchange::read(&file(&nodes, &["y"]), &exchange::Reading::default()).unwrap();
    let [weight, bias] = [2, 3].map(|i| network.tensors[i].values.clone());
    assert_eq!((weight, bias), (vec![1.0, 0.0, 0.0, 1.0], vec![2.0, 4.0]));
}

#[test]
fn gelu_in_small_steps() {
    let head: [Node; 2] = [
        ("Flatten", &["x"], &["f"], &[]),
        ("Gemm", &["f", "w", "b"], &["h"], &[]),
    ];
    let erf: [Node; 3] = [
        ("Mul", &["h", "root"], &["i"], &[]),
        ("Erf", &["i"], &["e"], &[]),
        ("Add", &["e", "one"], &["p"], &[]),
    ];
    let tails: [&[Node]; 3] = [
        &[
            ("Mul", &["h", "p"], &["q"], &[]),
            ("Mul", &["q", "half"], &["a"], &[]),
        ],
        &[
            ("Mul", &["p", "half"], &["q"], &[]),
            ("Mul", &["q", "h"], &["a"], &[]),
        ],
        &[
            ("Mul", &["h", "half"], &["q"], &[]),
            ("Mul", &["q", "p"], &["a"], &[]),
        ],
    ];
    let last: [Node; 1] = [("MatMul", &["a", "v"], &["y"], &[])];
    for tail in tails {
        let nodes = [&head[..], &erf, tail, &last].concat();
        let (_, network) =
            exchange::read(&file(&nodes, &["y"]), &exchange::Reading::default()).unwrap();
        assert_eq!(network.about.activation, Some(Activation::Gelu));
    }
    // Half of it is another function.
    let tail: [Node; 1] = [("Mul", &["h", "p"], &["a"], &[])];
    let error = exchange::read(
        &file(&[&head[..], &erf, &tail, &last].concat(), &["y"]),
        &exchange::Reading::default(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("a function that is not known")
    );
}

/// What skl2onnx writes of two classes, and PyTorch of one output.
#[test]
fn one_output_is_two_classes_and_labels_are_left_out() {
    let head: [Node; 4] = [
        ("Flatten", &["x"], &["f"], &[]),
        ("Gemm", &["f", "w", "b"], &["h"], &[]),
        ("Tanh", &["h"], &["a"], &[]),
        ("MatMul", &["a", "u"], &["z"], &[]),
    ];
    let two: [Node; 5] = [
        ("Sigmoid", &["z"], &["p"], &[]),
        ("Sub", &["one", "p"], &["n"], &[]),
        ("Concat", &["n", "p"], &["y"], &[("axis", 1.0)]),
        ("ArgMax", &["y"], &["l"], &[]),
        ("ZipMap", &["y"], &["map"], &[]),
    ];
    let one: [Node; 1] = [("Squeeze", &["z"], &["y"], &[])];
    for (tail, outputs) in [
        (&two[..], &["l", "map"][..]),
        (&two, &["l", "y"]),
        (&one, &["y"]),
    ] {
        let nodes = [&head[..], tail].concat();
        let (_, network) =
            exchange::read(&file(&nodes, outputs), &exchange::Reading::default()).unwrap();
        assert_eq!(network.about.output, Some(Output::Softmax));
        assert_eq!(network.tensors[2].values, [0.0, 2.0, 0.0, 3.0]);
        assert_eq!(network.tensors[3].values, [0.0, 0.0]);
        let is_said = network.notes.iter().any(|note| note.contains("`output l`"));
        assert_eq!(is_said, outputs.len() == 2, "{:?}", network.notes);
    }
}
