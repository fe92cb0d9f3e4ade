//! Initial weights. They are a function of shapes and seed alone: they are drawn here, not by a backend, so that
//! every backend starts from the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::config::Init;

/// Random stream of the seed that the weights are drawn from. The order of the images uses the streams from 0
/// up (one per epoch) and the last one (the validation split).
const WEIGHTS_STREAM: u64 = u64::MAX - 1;

/// Draws initial weights.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// Returns the draws that belong to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(WEIGHTS_STREAM);
        Self(rng)
    }

    /// Returns the next `count` draws from the uniform distribution on [-limit, limit).
    pub(crate) fn uniform(&mut self, count: usize, limit: f64) -> Vec<f32> {
        if limit == 0.0 {
            return vec![0.0; count];
        }
        // The upper 24 bits make a float in [0, 1) without rounding.
        let unit = |bits: u32| f64::from(bits >> 8) / f64::from(1u32 << 24);
        let mut next = || ((2.0 * unit(self.0.next_u32()) - 1.0) * limit) as f32;
        (0..count).map(|_| next()).collect()
    }
}

impl Init {
    /// Returns the half-widths of the uniform distributions of the weight and the bias of a layer in which each
    /// output depends on `inputs` values and each input on `outputs`.
    pub(crate) fn limits(self, inputs: usize, outputs: usize) -> [f64; 2] {
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        match self {
            Self::GlorotUniform => [(6.0 / (inputs + outputs)).sqrt(), 0.0],
            Self::HeUniform => [(6.0 / inputs).sqrt(), 0.0],
            Self::Torch => [inputs.sqrt().recip(), inputs.sqrt().recip()],
        }
    }
}
