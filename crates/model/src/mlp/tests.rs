//! Limits, names and first weights of a multilayer perceptron.

use super::*;
use crate::config::ConfigError;

fn values(tensors: &[Tensor]) -> Vec<f32> {
    let all = tensors.iter().flat_map(|tensor| &tensor.values);
    all.copied().collect()
}

#[test]
fn limits_are_checked() {
    let good = MlpConfig::tutorial([1, 28, 28], 10);
    assert_eq!(good.validate(), Ok(()));
    assert_eq!(good.parameters(), Some(101_770));
    let check = |change: fn(&mut MlpConfig), expect: ConfigError| {
        let mut config = MlpConfig::tutorial([1, 28, 28], 10);
        change(&mut config);
        assert_eq!(config.validate(), Err(expect));
    };
    check(|c| c.input = [1, 0, 28], ConfigError::Input(0, 28));
    check(
        |c| c.input = [1, usize::MAX, 2],
        ConfigError::Input(usize::MAX, 2),
    );
    check(|c| c.input = [2, 28, 28], ConfigError::Channels(2));
    check(|c| c.hidden = vec![0], ConfigError::Width(0));
    check(|c| c.hidden = vec![128, 65_537], ConfigError::Width(65_537));
    check(|c| c.hidden = vec![1; 65], ConfigError::Layers(65));
    check(|c| c.hidden = vec![65_536, 65_536], ConfigError::Parameters);
    check(|c| c.classes = 1, ConfigError::Classes(1));
    check(|c| c.classes = 257, ConfigError::Classes(257));
    check(|c| c.dropout = 1.0, ConfigError::Dropout(1.0));
}

#[test]
fn the_tutorial_network_has_101_770_parameters() {
    let config = MlpConfig::tutorial([1, 28, 28], 10);
    assert_eq!(values(&config.init(1)).len(), 101_770);
    let names: Vec<String> = config.tensors().into_iter().map(|t| t.name).collect();
    assert_eq!(
        names,
        [
            "layers.0.weight",
            "layers.0.bias",
            "layers.1.weight",
            "layers.1.bias"
        ]
    );
}

#[test]
fn weights_are_a_function_of_the_seed() {
    let config = MlpConfig::tutorial([1, 28, 28], 10);
    assert_eq!(config.init(7), config.init(7));
    assert_ne!(config.init(7), config.init(8));
}

#[test]
fn layers_and_tensors_are_the_same_thing() {
    let config = MlpConfig {
        hidden: vec![5, 4],
        ..MlpConfig::tutorial([3, 2, 2], 3)
    };
    let tensors = config.init(1);
    assert_eq!(config.from_layers(config.layers(tensors.clone())), tensors);
}

#[test]
fn initial_weights_follow_their_distribution() {
    // (init, half-width of the first layer's weights, half-width of its bias) for 784 -> 128
    let glorot = (6.0f64 / 912.0).sqrt();
    let he = (6.0f64 / 784.0).sqrt();
    let torch = 1.0 / 28.0;
    for (init, weight_limit, bias_limit) in [
        (Init::GlorotUniform, glorot, 0.0),
        (Init::HeUniform, he, 0.0),
        (Init::Torch, torch, torch),
    ] {
        let config = MlpConfig {
            init,
            ..MlpConfig::tutorial([1, 28, 28], 10)
        };
        let all = values(&config.init(3));
        let (weight, bias) = (&all[..784 * 128], &all[784 * 128..784 * 128 + 128]);
        let max = |v: &[f32]| f64::from(v.iter().fold(0f32, |m, x| m.max(x.abs())));
        let variance = weight.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 100_352.0;
        assert!(max(weight) <= weight_limit + 1e-7 && max(weight) > 0.999 * weight_limit);
        assert!(
            (variance / (weight_limit.powi(2) / 3.0) - 1.0).abs() < 0.01,
            "{init:?}"
        );
        assert!(max(bias) <= bias_limit + 1e-7 && max(bias) >= 0.9 * bias_limit);
    }
}
