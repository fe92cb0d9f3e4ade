//! First weights of a convolutional network.

use super::*;

/// Keras: the fans of a convolution are the kernel's size times the channels.
#[test]
fn initial_weights_follow_their_distribution() {
    let config = CnnConfig::plain([1, 28, 28], 10);
    let tensors = config.init(3);
    assert_eq!(tensors, config.init(3));
    assert_ne!(tensors, config.init(4));
    let limit = |inputs: f64, outputs: f64| (6.0 / (inputs + outputs)).sqrt();
    for (name, limit) in [
        ("convolutions.0.weight", limit(9.0, 288.0)),
        ("convolutions.1.weight", limit(288.0, 576.0)),
        ("layers.0.weight", limit(3136.0, 128.0)),
        ("layers.1.weight", limit(128.0, 10.0)),
    ] {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        let most = tensor.values.iter().fold(0f32, |most, x| most.max(x.abs()));
        let ratio = f64::from(most) / limit;
        assert!(
            (0.98..1.000_001).contains(&ratio),
            "{name}: {most} of {limit}"
        );
    }
    let biases = tensors
        .iter()
        .filter(|tensor| tensor.name.ends_with("bias"));
    assert!(
        biases
            .flat_map(|tensor| &tensor.values)
            .all(|&bias| bias == 0.0)
    );
}
