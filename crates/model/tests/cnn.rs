//! Convolutional networks without Burn: what they are, their records, and their answers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod records;

use model::{
    Activation, Architecture, Classifier, CnnConfig, ConfigError, Output, Record, RecordError,
    Tensor,
};
use records::record_of;

fn small() -> CnnConfig {
    CnnConfig {
        channels: vec![3, 5],
        convolutions: 2,
        hidden: vec![7],
        ..CnnConfig::plain([3, 9, 6], 4)
    }
}

#[test]
fn limits_are_checked() {
    assert_eq!(CnnConfig::plain([1, 28, 28], 10).validate(), Ok(()));
    assert_eq!(small().validate(), Ok(()));
    let check = |change: fn(&mut CnnConfig), expect: ConfigError| {
        let mut config = CnnConfig::plain([1, 28, 28], 10);
        change(&mut config);
        assert_eq!(config.validate(), Err(expect));
    };
    check(|c| c.input = [1, 0, 28], ConfigError::Input(0, 28));
    check(
        |c| c.input = [1, 65_537, 28],
        ConfigError::Input(65_537, 28),
    );
    check(|c| c.input = [2, 28, 28], ConfigError::Channels(2));
    check(|c| c.kernel = 4, ConfigError::Kernel(4));
    check(|c| c.kernel = usize::MAX, ConfigError::Kernel(usize::MAX));
    check(|c| c.channels.clear(), ConfigError::Convolutions(0));
    check(|c| c.convolutions = 0, ConfigError::Convolutions(0));
    check(|c| c.convolutions = 33, ConfigError::Convolutions(66));
    check(
        |c| c.convolutions = usize::MAX,
        ConfigError::Convolutions(usize::MAX),
    );
    let blocks = |blocks, height, width| ConfigError::Blocks {
        blocks,
        height,
        width,
    };
    check(|c| c.channels = vec![8; 5], blocks(5, 28, 28));
    check(|c| c.channels = vec![8; 64], blocks(64, 28, 28));
    check(|c| c.input = [1, 64, 3], blocks(2, 64, 3));
    check(|c| c.channels[1] = 0, ConfigError::Width(0));
    check(|c| c.channels[0] = 65_537, ConfigError::Width(65_537));
    check(|c| c.input = [1, 65_536, 65_536], ConfigError::Values);
    check(|c| c.channels[0] = 65_536, ConfigError::Values);
    check(|c| c.hidden = vec![0], ConfigError::Width(0));
    check(|c| c.hidden = vec![1; 65], ConfigError::Layers(65));
    check(|c| c.hidden = vec![65_536, 65_536], ConfigError::Parameters);
    check(|c| c.classes = 1, ConfigError::Classes(1));
    check(|c| c.dropout = 1.0, ConfigError::Dropout(1.0));
}

#[test]
fn a_network_is_described() {
    let config = CnnConfig {
        channels: vec![16, 32],
        dropout: 0.5,
        ..CnnConfig::plain([1, 28, 28], 10)
    };
    let architecture = Architecture::Cnn(config.clone());
    assert_eq!(
        architecture.chain(),
        "28x28x1 -> 16 -> 32 -> 1568 -> 128 -> 10"
    );
    assert_eq!(architecture.parameters(), Some(160 + 4640 + 200_832 + 1290));
    assert_eq!((architecture.pixels(), architecture.classes()), (784, 10));
    assert_eq!(architecture.input(), [1, 28, 28]);
    let names: Vec<(String, Vec<usize>)> = architecture
        .tensors()
        .into_iter()
        .map(|t| (t.name, t.shape))
        .collect();
    let expect = [
        ("convolutions.0.weight", vec![3, 3, 1, 16]),
        ("convolutions.0.bias", vec![16]),
        ("convolutions.1.weight", vec![3, 3, 16, 32]),
        ("convolutions.1.bias", vec![32]),
        ("layers.0.weight", vec![1568, 128]),
        ("layers.0.bias", vec![128]),
        ("layers.1.weight", vec![128, 10]),
        ("layers.1.bias", vec![10]),
    ];
    assert_eq!(names, expect.map(|(name, shape)| (name.to_string(), shape)));
    let summary = architecture.summary();
    let rows: Vec<_> = summary
        .iter()
        .map(|l| (l.kind, &l.output[..], l.parameters, l.multiply_adds))
        .collect();
    let expect: [(&str, &[usize], usize, usize); 12] = [
        ("Conv2D", &[28, 28, 16], 160, 144 * 784),
        ("ReLU", &[28, 28, 16], 0, 0),
        ("MaxPooling2D", &[14, 14, 16], 0, 0),
        ("Conv2D", &[14, 14, 32], 4640, 4608 * 196),
        ("ReLU", &[14, 14, 32], 0, 0),
        ("MaxPooling2D", &[7, 7, 32], 0, 0),
        ("Flatten", &[1568], 0, 0),
        ("Dense", &[128], 200_832, 200_704),
        ("ReLU", &[128], 0, 0),
        ("Dropout", &[128], 0, 0),
        ("Dense", &[10], 1290, 1280),
        ("Softmax", &[10], 0, 0),
    ];
    assert_eq!(rows, expect);

    let average = Architecture::Cnn(CnnConfig {
        global_average: true,
        hidden: vec![],
        ..config
    });
    assert_eq!(average.parameters(), Some(160 + 4640 + 330));
    assert_eq!(average.summary()[6].kind, "GlobalAveragePooling2D");
}

/// The numbers of a network by hand: a kernel that looks to the left, and one that looks down.
#[test]
fn a_network_computes_what_it_says() {
    let config = CnnConfig {
        channels: vec![2],
        hidden: vec![],
        ..CnnConfig::plain([1, 2, 4], 2)
    };
    let architecture = Architecture::Cnn(config);
    let mut kernel = vec![0.0; 18];
    kernel[3 * 2] = 1.0; // left in the middle row, the first channel
    kernel[7 * 2 + 1] = 1.0; // below in the middle column, the second
    let values = [
        kernel,
        vec![0.0, -0.5],
        // Values of the left window, then of the right one, two channels each.
        vec![1.0, 0.0, 0.0, 1.0, 10.0, 0.0, 0.0, 10.0],
        vec![0.25, 0.0],
    ];
    let shapes = architecture.tensors().into_iter().zip(values);
    let tensors: Vec<Tensor> = shapes.map(|(shape, values)| shape.filled(values)).collect();
    assert_eq!(
        architecture.from_layers(architecture.layers(tensors.clone())),
        tensors
    );
    let forward = architecture.forward(tensors.clone()).unwrap();
    let pixels = [51, 0, 102, 0, 0, 204, 0, 255];
    // Left: of 0 0.2 | 0 0 the largest 0.2; of what is below less 0.5, 0 0.8 | 0 0, it is 0.3.
    // Right: of 0 0.4 | 0.8 0 it is 0.8; of what is below, 0 1 | 0 0, it is 0.5.
    let logits = forward.logits(&pixels, 1);
    for (ours, expect) in logits.iter().zip([0.25 + 0.2 + 8.0, 0.3 + 5.0]) {
        assert!((ours - expect).abs() < 1e-5, "{logits:?}");
    }
    let first = architecture.first_layer(&tensors).unwrap();
    assert_eq!(
        (first.neurons, first.size, first.is_output),
        (2, [3, 3], false)
    );
    assert_eq!(
        first.neuron(0),
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(first.neuron(1)[7], 1.0);
}

#[test]
fn records_come_back_and_answer() {
    for global_average in [false, true] {
        for activation in [Activation::Relu, Activation::Gelu] {
            let config = CnnConfig {
                global_average,
                activation,
                output: Output::Sigmoid,
                ..small()
            };
            let architecture = Architecture::Cnn(config);
            let before = record_of(architecture.clone());
            let bytes = before.to_bytes().unwrap();
            let after = Record::from_bytes(&bytes).unwrap();
            assert_eq!(before, after);
            assert_eq!(after.to_bytes().unwrap(), bytes);
            let pixels: Vec<u8> = (0..architecture.pixels() * 20)
                .map(|i| (i * 7 % 256) as u8)
                .collect();
            let one = Classifier::new(after.clone()).unwrap().with_threads(1);
            let many = Classifier::from_bytes(&bytes).unwrap().with_threads(3);
            let probabilities = one.predict(&pixels).unwrap();
            assert_eq!(probabilities, many.predict(&pixels).unwrap());
            assert_eq!(probabilities.len(), 80);
            for row in probabilities.chunks(4) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
            assert_eq!(one.answers(&pixels).unwrap().len(), 20);

            let mut broken = before;
            broken.weights[0].shape = vec![3, 3, 9];
            let error = broken.to_bytes().unwrap_err().to_string();
            assert!(error.contains("expected F32 [3, 3, 3, 3]"), "{error}");
            broken.weights.remove(0);
            let missing = RecordError::Missing("convolutions.0.weight".into());
            assert_eq!(broken.to_bytes().unwrap_err(), missing);
        }
    }
}

/// What is trained is what answers: before a step they say the same, and training changes every tensor.
#[test]
fn networks_are_trained() {
    let architecture = Architecture::Cnn(CnnConfig {
        activation: Activation::Gelu,
        ..small()
    });
    let record = record_of(architecture.clone());
    let optimizer = kernels::Optimizer::Adam(kernels::Adam {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-12,
        l2: 0.0,
        decoupled_decay: 0.0,
    });
    let mut network = architecture.training(record.weights.clone(), optimizer);
    assert_eq!(architecture.from_layers(network.layers()), record.weights);
    let pixels: Vec<u8> = (0..architecture.pixels() * 8)
        .map(|i| (i * 7 % 256) as u8)
        .collect();
    let logits = architecture
        .forward(record.weights.clone())
        .unwrap()
        .logits(&pixels, 1);
    let batches = kernels::Batches {
        fill: &|_, to, labels| (*to, *labels) = (pixels.clone(), vec![0, 1, 2, 3, 0, 1, 2, 3]),
        steps: 0..1,
        batch_size: 8,
    };
    network.train(&batches, 2, &|_| 0.1, &mut |outcome| {
        let pairs = outcome.logits.iter().zip(&logits);
        assert!(
            pairs.clone().count() == 32 && pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5)
        );
        true
    });
    for (after, before) in architecture
        .from_layers(network.layers())
        .iter()
        .zip(&record.weights)
    {
        assert_ne!(after.values, before.values, "{}", after.name);
    }
}
