//! Dropout: which neurons are silent in a step.
//!
//! Srivastava et al. 2014, <https://jmlr.org/papers/v15/srivastava14a.html>, in its inverted form: what stays
//! is scaled up in training, so that answers need nothing. Whether a neuron is silent for an image is a function
//! of seed, step, layer, image and neuron, and of nothing else: it is the same on any number of threads, on any
//! processor, and after a pause.

use crate::instructions::for_each_set;
use crate::settings::Dropout;

/// The mask of one layer in one step.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    keys: [u32; 2],
    /// A neuron is silent when its 31 random bits are below this.
    silent_below: i32,
    /// What the others are multiplied by.
    scale: f32,
}

impl Mask {
    /// Returns the mask of a hidden layer, counted from 0, in a step, counted from 1 over the whole training.
    pub fn new(dropout: Dropout, step: u64, layer: usize) -> Self {
        let [seed, layer] = [dropout.seed, layer as u64];
        let key = mix(mix(mix(seed).wrapping_add(step)).wrapping_add(layer));
        Self {
            keys: [key as u32, (key >> 32) as u32],
            silent_below: (f64::from(dropout.share) * f64::from(1u32 << 31)) as i32,
            scale: 1.0 / (1.0 - dropout.share),
        }
    }

    /// Returns the factor, 0 or 1 / (1 - share), of every neuron for every image: `[images, width]`.
    pub fn factors(&self, images: usize, width: usize) -> Vec<f32> {
        let factor = |index| self.factor(index as u32);
        (0..crate::product::area(images, width))
            .map(factor)
            .collect()
    }

    #[inline(always)]
    fn factor(&self, index: u32) -> f32 {
        if (random(index, self.keys) >> 1) as i32 >= self.silent_below {
            self.scale
        } else {
            0.0
        }
    }
}

for_each_set! {
    /// Multiplies `outputs` and `slopes` `[images, neurons]` by the factors of `mask`. They are some neurons, from
    /// `first` on, of a layer of `width`.
    pub fn apply(
        mask: &Mask,
        outputs: &mut [f32],
        slopes: &mut [f32],
        neurons: usize,
        first: usize,
        width: usize,
    ) {
        let rows = outputs.chunks_exact_mut(neurons);
        for (image, (outputs, slopes)) in rows.zip(slopes.chunks_exact_mut(neurons)).enumerate() {
            let mut index = (image * width + first) as u32;
            for (output, slope) in outputs.iter_mut().zip(slopes) {
                // A product, as in Burn: a NaN stays one.
                let factor = mask.factor(index);
                *output *= factor;
                *slope *= factor;
                index = index.wrapping_add(1);
            }
        }
    }
}

/// Returns 32 random bits: Wellons's `lowbias32`, <https://nullprogram.com/blog/2018/07/31/>, with a key before it
/// and one in it, so that two keys do not give the same sequence shifted.
#[inline(always)]
fn random(index: u32, keys: [u32; 2]) -> u32 {
    let mut x = index.wrapping_add(keys[0]);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15) ^ keys[1]).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The finalizer of SplitMix64: Steele, Lea & Flood 2014, <https://doi.org/10.1145/2660193.2660195>.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGES: usize = if cfg!(miri) { 5 } else { 500 };

    fn mask(share: f32, seed: u64, step: u64, layer: usize) -> Vec<f32> {
        Mask::new(Dropout { share, seed }, step, layer).factors(IMAGES, 128)
    }

    /// Returns for how many neurons both are silent.
    fn both_silent(a: &[f32], b: &[f32]) -> f64 {
        let both = a.iter().zip(b).filter(|(a, b)| **a == 0.0 && **b == 0.0);
        both.count() as f64
    }

    #[test]
    fn the_share_is_silent_and_the_mean_stays() {
        for share in [0.0f32, 0.01, 0.1, 0.5, 0.9, 0.999] {
            let mask = mask(share, 1, 1, 0);
            let (count, share) = (mask.len() as f64, f64::from(share));
            let silent = both_silent(&mask, &mask);
            let deviation = (count * share * (1.0 - share)).sqrt();
            assert!(
                (silent - count * share).abs() <= 4.0 * deviation,
                "{share}: {silent}"
            );
            let spoken = mask.iter().find(|factor| **factor != 0.0).unwrap();
            assert!((f64::from(*spoken) * (1.0 - share) - 1.0).abs() < 1e-6);
        }
    }

    /// Any two masks, and a mask beside itself, have as many silent neurons in common as independent ones.
    #[test]
    fn masks_are_independent() {
        let one = mask(0.5, 42, 7, 0);
        let (count, expected) = (one.len() as f64, one.len() as f64 / 4.0);
        let deviation = (count * 3.0 / 16.0).sqrt();
        let others = [
            ("another seed", mask(0.5, 43, 7, 0)),
            ("another step", mask(0.5, 42, 8, 0)),
            ("another layer", mask(0.5, 42, 7, 1)),
            ("layer and step exchanged", mask(0.5, 42, 6, 1)),
            ("the next neuron", one[1..].to_vec()),
            ("the next image", one[128..].to_vec()),
        ];
        for (what, other) in others {
            let both = both_silent(&one, &other);
            assert!(
                (both - expected).abs() <= 4.5 * deviation,
                "{what}: {both} of {expected}"
            );
        }
    }

    /// Masks that were worked out apart from this program: a later version must resume a training with the same.
    #[test]
    fn known_masks() {
        for (share, seed, step, layer, expected) in [
            (0.5, 42, 7, 1, 0x36e3_2e54_dfd1_17b4),
            (0.25, (1 << 63) + 5, 1, 0, 0xefe6_8f9d_a3cf_67f4),
            (0.75, 0, 1 << 40, 3, 0x1806_c290_070c_1084),
        ] {
            let mask = Mask::new(Dropout { share, seed }, step, layer);
            let spoken = mask.factors(4, 16).into_iter().map(|factor| factor > 0.0);
            let bits = spoken.fold(0u64, |bits, spoken| bits << 1 | u64::from(spoken));
            assert_eq!(bits, expected, "{bits:#x}");
        }
        // All its bits: a mask depends on the lower ones once in 65,536 times.
        assert_eq!(random(5, [1, 0x89ab_cdef]), 0xc0c2_96af);
    }

    #[test]
    fn parts_of_a_layer_have_the_mask_of_the_whole() {
        for instructions in crate::Instructions::all() {
            for (first, neurons, width) in [(0, 5, 5), (0, 64, 100), (64, 36, 100), (3, 17, 40)] {
                let mask = Mask::new(
                    Dropout {
                        share: 0.3,
                        seed: 9,
                    },
                    3,
                    1,
                );
                let mut outputs = vec![2.0; 7 * neurons];
                let mut slopes = vec![-1.0; 7 * neurons];
                apply(
                    instructions,
                    &mask,
                    &mut outputs,
                    &mut slopes,
                    neurons,
                    first,
                    width,
                );
                let whole = mask.factors(7, width);
                for image in 0..7 {
                    for neuron in 0..neurons {
                        let factor = whole[image * width + first + neuron];
                        assert_eq!(outputs[image * neurons + neuron], 2.0 * factor);
                        assert_eq!(slopes[image * neurons + neuron], -factor);
                    }
                }
            }
        }
    }
}
