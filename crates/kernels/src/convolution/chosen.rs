//! The gradients of a convolution whose sums are pooled: one of four sums at most has a gradient, so that there are
//! lists of these, and products with them alone. They take half the time of those with all sums, or less.

mod list;

use super::plane::{Convolution, Plane};
use super::pool::Route;
#[cfg(target_arch = "x86_64")]
use super::vectors::{Avx2, Avx512};
use super::vectors::{LANES, Portable, Vector};
use crate::aligned::Aligned;
use crate::instructions::{Instructions, Set};
use crate::product::area;
use list::List;

/// For every channel, the sums that have a gradient.
pub struct Chosen {
    /// Where the input lies that the lists are of: the products rely on it.
    input: Plane,
    /// How many there may be, and what is written beyond them.
    room: usize,
    /// `[lanes]`: how many there are.
    counts: Vec<usize>,
    /// `[lanes, room]`: where the values under the kernel begin in the input, as the bits of a float.
    starts: Aligned,
    /// `[lanes, room]`: the gradients.
    values: Aligned,
}

impl Chosen {
    /// Returns room for the sums of a convolution.
    pub fn new(convolution: &Convolution) -> Self {
        let Plane { height, width, .. } = convolution.input.pooled();
        let room = area(height, width).next_multiple_of(LANES) + LANES;
        let values = Aligned::zeros(area(room, convolution.lanes));
        Self {
            input: convolution.input,
            room,
            counts: vec![0; convolution.lanes],
            starts: values.clone(),
            values,
        }
    }

    /// Lists the sums of a convolution that have a gradient, from the gradient of the largest of two by two, `delta` in
    /// `plane`, and the routes to them; adds the gradients of each channel to `bias` `[lanes]`.
    pub fn list(
        &mut self,
        instructions: Instructions,
        convolution: &Convolution,
        (plane, delta): (Plane, &[f32]),
        routes: &[Route],
        bias: &mut [f32],
    ) {
        let half = convolution.input.pooled();
        let count = area(half.height, half.width);
        assert_eq!(
            (plane.height, plane.width),
            (half.height, half.width),
            "the gradient's size"
        );
        assert!(
            plane.pixel == convolution.lanes && delta.len() == plane.len(),
            "the gradient"
        );
        assert!(convolution.lanes.is_multiple_of(LANES), "lanes");
        assert_eq!(routes.len(), area(count, plane.pixel / LANES), "routes");
        assert_eq!(bias.len(), plane.pixel, "bias");
        assert_eq!(self.counts.len(), plane.pixel, "lists");
        assert_eq!(self.input, convolution.input, "the input of the lists");
        assert!(count + LANES <= self.room, "room");
        assert!(
            u32::try_from(convolution.input.len()).is_ok(),
            "an input of more than 16 GB"
        );
        let job = List {
            input: convolution.input,
            plane,
            delta: delta.as_ptr(),
            routes: routes.as_ptr(),
            bias: bias.as_mut_ptr(),
            room: self.room,
            counts: self.counts.as_mut_ptr(),
            starts: self.starts.as_mut_ptr(),
            values: self.values.as_mut_ptr(),
        };
        // SAFETY: the assertions say that the pointers lead to as much as the planes have.
        unsafe { job.run(instructions) }
    }

    /// Adds the gradient of the weights of the first channels to `out`, `[channels, kernel, kernel, pixel]`, from the
    /// input.
    pub fn weight_gradient(
        &self,
        instructions: Instructions,
        convolution: &Convolution,
        x: &[f32],
        out: &mut [f32],
    ) {
        assert_eq!(x.len(), convolution.input.len(), "the input");
        // SAFETY: the input is only read.
        let job = self.job(
            convolution,
            x.as_ptr().cast_mut(),
            out.as_mut_ptr(),
            out.len(),
        );
        self.cover(instructions, &job, convolution.kernel, |size| size.weights);
    }

    /// Adds the gradient of the input to `out`, as large as the input, from the `weights` of the first channels,
    /// `[channels, kernel, kernel, pixel]`. What it adds to the border is of no use.
    pub fn input_gradient(
        &self,
        instructions: Instructions,
        convolution: &Convolution,
        weights: &[f32],
        out: &mut [f32],
    ) {
        assert_eq!(out.len(), convolution.input.len(), "the input's gradient");
        // SAFETY: the weights are only read.
        let job = self.job(
            convolution,
            out.as_mut_ptr(),
            weights.as_ptr().cast_mut(),
            weights.len(),
        );
        self.cover(instructions, &job, convolution.kernel, |size| size.inputs);
    }

    /// Returns the job, after checking that all it leads to is there.
    fn job(
        &self,
        convolution: &Convolution,
        x: *mut f32,
        weights: *mut f32,
        count: usize,
    ) -> Job<'_> {
        let Convolution { input, kernel, .. } = *convolution;
        let of_channel = area(kernel * kernel, input.pixel);
        assert_eq!(self.input, input, "the input of the lists");
        assert!(
            kernel % 2 == 1 && input.border == kernel / 2,
            "a border of {}",
            input.border
        );
        assert!(
            input.pixel > 0 && input.pixel.is_multiple_of(LANES),
            "pixels of {}",
            input.pixel
        );
        assert_eq!(count % of_channel, 0, "weights of whole channels");
        assert!(
            count / of_channel <= self.counts.len(),
            "weights of {count} channels"
        );
        Job {
            chosen: self,
            x,
            x_row: input.row(),
            pixel: input.pixel,
            kernel,
            weights,
            channels: count / of_channel,
        }
    }

    /// Covers the weights of every channel with tiles.
    fn cover(
        &self,
        instructions: Instructions,
        job: &Job,
        kernel: usize,
        of: impl Fn(&Size) -> Tile,
    ) {
        for channel in 0..job.channels {
            let mut lane = 0;
            while lane < job.pixel {
                let Some(size) = size(instructions, kernel, (job.pixel - lane) / LANES) else {
                    break;
                };
                for row in (0..kernel).step_by(size.rows) {
                    for column in (0..kernel).step_by(size.columns) {
                        // SAFETY: `job` says what its pointers lead to. The lists have only windows of the input.
                        unsafe { of(size)(job, channel, [row, column], lane) }
                    }
                }
                lane += size.vectors * LANES;
            }
        }
    }
}

/// A product with the lists, in pointers. Distances are in values.
struct Job<'a> {
    chosen: &'a Chosen,
    /// The input or its gradient.
    x: *mut f32,
    x_row: usize,
    pixel: usize,
    kernel: usize,
    /// The weights or their gradient: `[channels, kernel, kernel, pixel]`.
    weights: *mut f32,
    channels: usize,
}

/// Computes a tile of the weights of a channel: it is given the channel, the first row and column of the kernel, and the
/// first value of a pixel.
type Tile = unsafe fn(&Job, usize, [usize; 2], usize);

/// A tile: vectors of a pixel, rows and columns of the kernel.
struct Size {
    vectors: usize,
    rows: usize,
    columns: usize,
    weights: Tile,
    inputs: Tile,
}

macro_rules! sizes {
    ($weights:ident $inputs:ident: $([$vectors:literal $rows:literal $columns:literal])*) => {
        &[$(Size {
            vectors: $vectors,
            rows: $rows,
            columns: $columns,
            weights: $weights::<$vectors, $rows, $columns>,
            inputs: $inputs::<$vectors, $rows, $columns>,
        }),*]
    };
}

/// The largest first; the last fits everywhere.
#[cfg(target_arch = "x86_64")]
const AVX512: &[Size] = sizes!(weights_avx512 inputs_avx512: [2 3 3] [1 3 3] [1 5 5] [1 1 1]);
#[cfg(target_arch = "x86_64")]
const AVX2: &[Size] = sizes!(weights_avx2 inputs_avx2: [1 1 3] [1 1 5] [1 1 1]);
const PORTABLE: &[Size] = sizes!(weights_portable inputs_portable: [1 1 3] [1 1 5] [1 1 1]);

/// Returns the largest tile for a kernel and so many vectors of a pixel.
fn size(instructions: Instructions, kernel: usize, vectors: usize) -> Option<&'static Size> {
    let sizes = match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => AVX512,
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => AVX2,
        Set::Portable => PORTABLE,
    };
    let whole = |part: usize| part == kernel || part == 1;
    let fits = |size: &&Size| size.vectors <= vectors && whole(size.rows) && whole(size.columns);
    sizes.iter().find(fits)
}

macro_rules! compile {
    ($($(#[$attribute:meta])* fn $name:ident = $tile:ident<$vector:ident>;)*) => {$(
        $(#[$attribute])*
        unsafe fn $name<const VECTORS: usize, const ROWS: usize, const COLUMNS: usize>(
            job: &Job,
            channel: usize,
            place: [usize; 2],
            lane: usize,
        ) {
            // SAFETY: the caller has what the tile asks for; the processor has these instructions.
            unsafe { $tile::<$vector, VECTORS, ROWS, COLUMNS>(job, channel, place, lane) }
        }
    )*};
}

compile! {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn weights_avx512 = weights_tile<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn weights_avx2 = weights_tile<Avx2>;
    fn weights_portable = weights_tile<Portable>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn inputs_avx512 = inputs_tile<Avx512>;
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn inputs_avx2 = inputs_tile<Avx2>;
    fn inputs_portable = inputs_tile<Portable>;
}

impl Job<'_> {
    /// Returns the weights of a channel at a place of the kernel.
    ///
    /// # Safety
    /// The place is within the kernel.
    #[inline(always)]
    unsafe fn weights(&self, channel: usize, [row, column]: [usize; 2], lane: usize) -> *mut f32 {
        let place = (channel * self.kernel + row) * self.kernel + column;
        // SAFETY: as asked for.
        unsafe { self.weights.add(place * self.pixel + lane) }
    }

    /// Returns the lists of a channel, and how much is in them.
    ///
    /// # Safety
    /// There is such a channel.
    #[inline(always)]
    unsafe fn list(&self, channel: usize) -> (*const f32, *const f32, usize) {
        let chosen = self.chosen;
        let first = channel * chosen.room;
        // SAFETY: as asked for.
        unsafe {
            let count = *chosen.counts.get_unchecked(channel);
            (
                chosen.starts.as_ptr().add(first),
                chosen.values.as_ptr().add(first),
                count,
            )
        }
    }
}

/// The sums stay in registers while one pixel after the other passes by.
///
/// # Safety
/// The tile lies within the job, whose pointers lead to all that belongs to it.
#[inline(always)]
unsafe fn weights_tile<V: Vector, const VECTORS: usize, const ROWS: usize, const COLUMNS: usize>(
    job: &Job,
    channel: usize,
    [row, column]: [usize; 2],
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let (starts, values, count) = job.list(channel);
        let x = job.x.add(row * job.x_row + column * job.pixel + lane);
        let weights =
            |r, c, v: usize| job.weights(channel, [row + r, column + c], lane + v * LANES);
        let mut sums = [[[V::zero(); VECTORS]; COLUMNS]; ROWS];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (c, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(weights(r, c, v));
                }
            }
        }
        for i in 0..count {
            let x = x.add((*starts.add(i)).to_bits() as usize);
            let value = V::splat(*values.add(i));
            for (r, sums) in sums.iter_mut().enumerate() {
                for (c, sums) in sums.iter_mut().enumerate() {
                    for (v, sum) in sums.iter_mut().enumerate() {
                        let x = x.add(r * job.x_row + c * job.pixel + v * LANES);
                        *sum = sum.multiply_add(V::load(x), value);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    sum.store(weights(r, c, v));
                }
            }
        }
    }
}

/// The weights stay in registers while what they give is added to one pixel after the other.
///
/// # Safety
/// The tile lies within the job, whose pointers lead to all that belongs to it.
#[inline(always)]
unsafe fn inputs_tile<V: Vector, const VECTORS: usize, const ROWS: usize, const COLUMNS: usize>(
    job: &Job,
    channel: usize,
    [row, column]: [usize; 2],
    lane: usize,
) {
    // SAFETY: as asked for.
    unsafe {
        let (starts, values, count) = job.list(channel);
        let x = job.x.add(row * job.x_row + column * job.pixel + lane);
        let mut weights = [[[V::zero(); VECTORS]; COLUMNS]; ROWS];
        for (r, weights) in weights.iter_mut().enumerate() {
            for (c, weights) in weights.iter_mut().enumerate() {
                for (v, weight) in weights.iter_mut().enumerate() {
                    *weight =
                        V::load(job.weights(channel, [row + r, column + c], lane + v * LANES));
                }
            }
        }
        for i in 0..count {
            let x = x.add((*starts.add(i)).to_bits() as usize);
            let value = V::splat(*values.add(i));
            for (r, weights) in weights.iter().enumerate() {
                for (c, weights) in weights.iter().enumerate() {
                    for (v, &weight) in weights.iter().enumerate() {
                        let x = x.add(r * job.x_row + c * job.pixel + v * LANES);
                        V::load(x).multiply_add(weight, value).store(x);
                    }
                }
            }
        }
    }
}
