//! Optimizers against their formulas in f64, on every set of instructions.

use super::*;

const ADAM: Adam = Adam {
    beta_1: 0.8,
    beta_2: 0.95,
    epsilon: 1e-3,
    l2: 0.0,
    decoupled_decay: 0.0,
};

/// Learning rates that differ from step to step.
const RATES: [f64; 4] = [0.1, 0.03, 0.2, 0.01];

/// Returns the weight after a step with each gradient in turn, by the formulas as they are printed.
fn exact(optimizer: Optimizer, weight: f64, gradients: &[f64]) -> f64 {
    let (mut weight, mut m, mut v) = (weight, 0.0, 0.0);
    for (i, (gradient, rate)) in gradients.iter().zip(RATES).enumerate() {
        match optimizer {
            Optimizer::Adam(adam) => {
                let [beta_1, beta_2] = [adam.beta_1, adam.beta_2].map(f64::from);
                let gradient = gradient + f64::from(adam.l2) * weight;
                m = beta_1 * m + (1.0 - beta_1) * gradient;
                v = beta_2 * v + (1.0 - beta_2) * gradient * gradient;
                let time = i as i32 + 1;
                let m_hat = m / (1.0 - beta_1.powi(time));
                let v_hat: f64 = v / (1.0 - beta_2.powi(time));
                // Epsilon is added before the correction of v is divided out, as Burn does.
                weight -= rate * f64::from(adam.decoupled_decay) * weight;
                weight -= rate * m_hat / (v_hat.sqrt() + f64::from(adam.epsilon));
            }
            Optimizer::Sgd(sgd) => {
                let momentum = f64::from(sgd.momentum);
                let gradient = gradient + f64::from(sgd.l2) * weight;
                m = momentum * m + gradient;
                weight -= rate
                    * if sgd.nesterov {
                        gradient + momentum * m
                    } else {
                        m
                    };
            }
        }
    }
    weight
}

fn optimizers() -> Vec<Optimizer> {
    let sgd = |momentum, nesterov, l2| {
        Optimizer::Sgd(Sgd {
            momentum,
            nesterov,
            l2,
        })
    };
    vec![
        Optimizer::Adam(ADAM),
        Optimizer::Adam(Adam { l2: 0.1, ..ADAM }),
        Optimizer::Adam(Adam {
            decoupled_decay: 0.2,
            ..ADAM
        }),
        sgd(0.0, false, 0.0),
        sgd(0.0, false, 0.1),
        sgd(0.9, false, 0.0),
        sgd(0.9, true, 0.1),
    ]
}

#[test]
fn every_optimizer_is_its_formula() {
    let length = 37;
    let number = |i: usize, step: usize| ((i * 31 + step * 17) % 41) as f32 / 20.0 - 1.0;
    for instructions in Instructions::all() {
        for optimizer in optimizers() {
            let start: Vec<f32> = (0..length).map(|i| number(i, 9)).collect();
            let (mut weights, mut first) = (start.clone(), vec![0.0; length]);
            let mut second = first.clone();
            for (step, rate) in RATES.into_iter().enumerate() {
                let gradient: Vec<f32> = (0..length).map(|i| number(i, step)).collect();
                let update = Update::new(optimizer, rate, step as u64 + 1);
                update.apply(
                    instructions,
                    &mut weights,
                    &gradient,
                    &mut first,
                    &mut second,
                );
            }
            for (i, weight) in weights.iter().enumerate() {
                let gradients: Vec<f64> = (0..4).map(|step| number(i, step).into()).collect();
                let exact = exact(optimizer, start[i].into(), &gradients);
                let off = (f64::from(*weight) - exact).abs();
                assert!(off < 1e-5, "{instructions} {optimizer:?}: {weight} {exact}");
            }
        }
    }
}

/// State that decays goes to 0 before it is denormal, and a NaN stays one.
#[test]
fn no_state_is_denormal() {
    for instructions in Instructions::all() {
        for optimizer in optimizers() {
            let (mut weights, mut first) = (vec![0.5, 0.5], vec![1e-29, f32::NAN]);
            let mut second = vec![1e-35, f32::NAN];
            for time in 1..300 {
                let update = Update::new(optimizer, 0.0, time);
                update.apply(
                    instructions,
                    &mut weights,
                    &[0.0, 0.0],
                    &mut first,
                    &mut second,
                );
                for state in [first[0], second[0]] {
                    assert!(
                        state == 0.0 || state.is_normal(),
                        "{optimizer:?}: {state:e}"
                    );
                }
            }
            let has_l2 = matches!(optimizer, Optimizer::Adam(Adam { l2, .. }) | Optimizer::Sgd(Sgd { l2, .. }) if l2 > 0.0);
            assert!(has_l2 || first[0] == 0.0, "{optimizer:?}: {}", first[0]);
            let has_second = matches!(optimizer, Optimizer::Adam(_));
            assert!(!has_second || has_l2 || second[0] == 0.0, "{optimizer:?}");
            assert!(first[1].is_nan() && weights[1].is_nan(), "{optimizer:?}");
        }
    }
}

#[test]
fn the_average_moves_by_its_share() {
    for instructions in Instructions::all() {
        let mut moving = vec![2.0; 19];
        average(instructions, &mut moving, &[3.0; 19], 0.75);
        assert_eq!(moving, [2.25; 19]);
        average(instructions, &mut moving, &[3.0; 19], 0.0);
        assert_eq!(moving, [3.0; 19]);
    }
}
