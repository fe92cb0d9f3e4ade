//! Where the values of an image lie, and the three products of a convolution with them.

use super::gradient;
use super::pool::Route;
use super::tiles::{self, Job};
use super::vectors::LANES;
use crate::instructions::Instructions;
use crate::product::area;

/// An image in a slice: `[height + 2 border, width + 2 border, pixel]`, row-major. The border is zeros, so that a
/// kernel may reach beyond the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    pub height: usize,
    pub width: usize,
    pub border: usize,
    /// Values of a pixel: its channels, and zeros up to a multiple of 16, except in the first image.
    pub pixel: usize,
}

impl Plane {
    /// Returns how far rows are apart.
    pub fn row(&self) -> usize {
        area(self.width + 2 * self.border, self.pixel)
    }

    /// Returns the number of values, with the border.
    pub fn len(&self) -> usize {
        area(self.height + 2 * self.border, self.row())
    }

    /// Returns where a pixel begins.
    pub fn at(&self, row: usize, column: usize) -> usize {
        (row + self.border) * self.row() + (column + self.border) * self.pixel
    }

    /// Returns the range of a row, without the border.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        let start = self.at(row, 0);
        start..start + self.width * self.pixel
    }

    /// Returns the plane that is left when one of two by two is chosen.
    pub fn pooled(self) -> Self {
        Self {
            height: self.height / 2,
            width: self.width / 2,
            ..self
        }
    }
}

/// A convolution apart from its numbers: input and output have the same size.
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    /// The input; its border is half the kernel.
    pub input: Plane,
    /// Channels of the input; its pixels may be longer.
    pub inputs: usize,
    /// Rows and columns of the kernel, an odd number.
    pub kernel: usize,
    /// Channels of the output, a multiple of 16: the weights are `[kernel, kernel, inputs, lanes]`.
    pub lanes: usize,
}

impl Convolution {
    /// Returns the number of weights, the bias not counted.
    pub fn weights(&self) -> usize {
        area(area(self.kernel * self.kernel, self.inputs), self.lanes)
    }

    /// Writes the sums to `out`, whose pixels have `lanes` values: the bias `[lanes]`, if there is one, and what the
    /// kernel gives; with `relu` max(0, x) of them.
    pub fn forward(
        &self,
        instructions: Instructions,
        (x, weights, bias): (&[f32], &[f32], Option<&[f32]>),
        (plane, out): (Plane, &mut [f32]),
        relu: bool,
    ) {
        assert_eq!(
            (plane.height, plane.width),
            (self.input.height, self.input.width),
            "the output's size"
        );
        let job = self.job((x, weights, bias), (plane, out), &mut [], relu);
        self.cover(instructions, &job, [plane.height, plane.width], false);
    }

    /// Writes max(0, x) of the largest of two by two such sums to `out`, and which it is to `routes`
    /// `[height / 2, width / 2, lanes / 16]`: see [`super::pool`].
    pub fn forward_pooled(
        &self,
        instructions: Instructions,
        (x, weights, bias): (&[f32], &[f32], Option<&[f32]>),
        (plane, out): (Plane, &mut [f32]),
        routes: &mut [Route],
    ) {
        let half = self.input.pooled();
        assert_eq!(
            (plane.height, plane.width),
            (half.height, half.width),
            "the output's size"
        );
        assert_eq!(
            routes.len(),
            area(area(plane.height, plane.width), self.lanes / LANES),
            "routes"
        );
        let job = self.job((x, weights, bias), (plane, out), routes, true);
        self.cover(instructions, &job, [2 * plane.height, plane.width], true);
    }

    /// Returns the job, after checking that all it leads to is there.
    fn job(
        &self,
        (x, weights, bias): (&[f32], &[f32], Option<&[f32]>),
        (plane, out): (Plane, &mut [f32]),
        routes: &mut [Route],
        relu: bool,
    ) -> Job {
        self.check(x);
        assert_eq!(weights.len(), self.weights(), "weights");
        assert!(bias.is_none_or(|bias| bias.len() == self.lanes), "bias");
        assert!(
            plane.pixel == self.lanes && out.len() == plane.len(),
            "output"
        );
        let (runs, run) = self.runs();
        let start = plane.at(0, 0).min(out.len());
        Job {
            x: x.as_ptr(),
            x_row: self.input.row(),
            x_pixel: self.input.pixel,
            kernel: self.kernel,
            runs,
            run,
            weights: weights.as_ptr(),
            lanes: self.lanes,
            bias: bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
            out: out[start..].as_mut_ptr(),
            out_row: plane.row(),
            out_pixel: plane.pixel,
            relu,
            routes: routes.as_mut_ptr(),
            routes_row: plane.width * (self.lanes / LANES),
        }
    }

    /// Checks the sizes that every product relies on.
    fn check(&self, x: &[f32]) {
        let Self {
            input,
            inputs,
            kernel,
            lanes,
        } = *self;
        assert!(
            kernel % 2 == 1 && input.border == kernel / 2,
            "a border of {}",
            input.border
        );
        assert!(
            inputs > 0 && inputs <= input.pixel,
            "{inputs} channels in {}",
            input.pixel
        );
        assert!(lanes > 0 && lanes.is_multiple_of(LANES), "{lanes} lanes");
        assert_eq!(x.len(), input.len(), "the input");
    }

    /// Returns how many runs of consecutive values are under a row of the kernel, and how many values each has.
    fn runs(&self) -> (usize, usize) {
        if self.inputs == self.input.pixel {
            (1, self.kernel * self.inputs)
        } else {
            (self.kernel, self.inputs)
        }
    }

    /// Computes the tiles of so many rows and columns; with `pooled` an output is two columns.
    fn cover(
        &self,
        instructions: Instructions,
        job: &Job,
        [height, width]: [usize; 2],
        pooled: bool,
    ) {
        let limits = job.limits(instructions, pooled);
        let step = 1 + usize::from(pooled);
        let mut lane = 0;
        while lane < self.lanes {
            let vectors = limits.vectors.min((self.lanes - lane) / LANES);
            for row in (0..height).step_by(2) {
                let rows = 2.min(height - row);
                for (column, columns) in split(width, limits.columns / step) {
                    let columns = columns * step;
                    let size = tiles::Size {
                        rows,
                        columns,
                        vectors,
                        pooled,
                    };
                    let tile = job.tile(instructions, size);
                    // SAFETY: `job` says what its pointers lead to; the tile lies within.
                    unsafe { tile(job, row, column * step, lane) }
                }
            }
            lane += vectors * LANES;
        }
    }

    /// Adds the gradient of the weights to `out`, from the gradient of the outputs, `delta` in `plane`, whose pixels
    /// have `lanes` values.
    pub fn weight_gradient(
        &self,
        instructions: Instructions,
        x: &[f32],
        (plane, delta): (Plane, &[f32]),
        out: &mut [f32],
    ) {
        self.check(x);
        assert_eq!(
            (plane.height, plane.width),
            (self.input.height, self.input.width),
            "the output's size"
        );
        assert!(
            plane.pixel == self.lanes && delta.len() == plane.len(),
            "its gradient"
        );
        assert_eq!(out.len(), self.weights(), "weights");
        let (runs, run) = self.runs();
        let job = gradient::Job {
            x: x.as_ptr(),
            x_row: self.input.row(),
            x_pixel: self.input.pixel,
            delta: delta[plane.at(0, 0).min(delta.len())..].as_ptr(),
            delta_row: plane.row(),
            delta_pixel: plane.pixel,
            height: plane.height,
            width: plane.width,
            out: out.as_mut_ptr(),
            lanes: self.lanes,
            per_row: runs * run,
        };
        let sizes = gradient::sizes(instructions);
        let most = sizes.iter().map(|size| size.vectors).max().unwrap_or(1);
        let mut lane = 0;
        while lane < self.lanes {
            let vectors = most.min((self.lanes - lane) / LANES);
            self.weights_of_lanes(&job, sizes, (vectors, lane));
            lane += vectors * LANES;
        }
    }

    /// Covers the weights of so many vectors of channels from the first `lane` on.
    fn weights_of_lanes(
        &self,
        job: &gradient::Job,
        sizes: &[gradient::Size],
        (vectors, lane): (usize, usize),
    ) {
        let (runs, run) = self.runs();
        let of_lanes = sizes.iter().filter(|size| size.vectors == vectors);
        let whole = of_lanes
            .clone()
            .find(|size| (size.rows, size.values) == (self.kernel, runs * run));
        if let Some(size) = whole.filter(|_| runs == 1) {
            // SAFETY: `job` leads to all under the kernel, and the tile is all of it.
            return unsafe { (size.tile)(job, 0, 0, lane) };
        }
        for row in 0..self.kernel {
            for number in 0..runs {
                let mut value = 0;
                while value < run {
                    let fits =
                        |size: &&gradient::Size| size.rows == 1 && value + size.values <= run;
                    let Some(size) = of_lanes.clone().find(fits) else {
                        break;
                    };
                    let start = row * job.x_row + number * job.x_pixel + value;
                    let first = row * job.per_row + number * run + value;
                    // SAFETY: the tile ends at the last value of a run at the latest.
                    unsafe { (size.tile)(job, start, first, lane) }
                    value += size.values;
                }
            }
        }
    }
}

/// Returns `count` in parts of at most `most`, as even as they can be: where each begins, and how many it has.
fn split(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most).max(1);
    (0..parts).filter(move |_| count > 0).map(move |part| {
        let start = part * count / parts;
        (start, (part + 1) * count / parts - start)
    })
}
