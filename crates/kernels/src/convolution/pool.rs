//! Max-pooling: the largest of two by two values; of equal ones the first, row by row. A last odd row or column is
//! left out, as in Keras.
//! Which it is, a [`Route`] has for sixteen channels, for the way back.

use super::plane::Plane;
#[cfg(target_arch = "x86_64")]
use super::vectors::{Avx2, Avx512};
use super::vectors::{LANES, Portable, Vector};
use crate::instructions::{Instructions, Set, for_each_set};
use crate::product::area;

/// For sixteen channels, a bit each: whether the second, third and fourth of the four values is larger than those
/// before it, and whether the largest passes a gradient on.
pub type Route = [u16; 4];

/// Writes the gradient of the values, `out` in `plane`, from that of the largest of them, `delta` in `half`, and the
/// routes to them `[height / 2, width / 2, lanes / 16]`; adds its sums to `bias` `[lanes]`. A last odd row or column of
/// `out` stays as it is.
pub fn unpool(
    instructions: Instructions,
    (half, delta): (Plane, &[f32]),
    routes: &[Route],
    (plane, out): (Plane, &mut [f32]),
    bias: &mut [f32],
) {
    let groups = plane.pixel / LANES;
    assert_eq!(
        (half.height, half.width),
        (plane.height / 2, plane.width / 2),
        "half the size"
    );
    assert!(
        plane.pixel.is_multiple_of(LANES) && bias.len() == plane.pixel,
        "lanes"
    );
    assert!(
        half.pixel == plane.pixel && delta.len() == half.len(),
        "the gradient"
    );
    assert_eq!(
        routes.len(),
        area(area(half.height, half.width), groups),
        "routes"
    );
    assert_eq!(out.len(), plane.len(), "output");
    let job = Job {
        delta: delta.as_ptr(),
        routes: routes.as_ptr(),
        out: out.as_mut_ptr(),
        bias: bias.as_mut_ptr(),
        plane,
        half,
        groups,
    };
    // SAFETY: `Instructions` are those that the processor has; the assertions say that the pointers lead to as much
    // as `plane` has.
    unsafe {
        match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => avx512(&job),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => avx2(&job),
            Set::Portable => run::<Portable>(&job),
        }
    }
}

struct Job {
    delta: *const f32,
    routes: *const Route,
    out: *mut f32,
    bias: *mut f32,
    plane: Plane,
    half: Plane,
    groups: usize,
}

/// # Safety
/// As for [`run`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn avx512(job: &Job) {
    // SAFETY: as asked for.
    unsafe { run::<Avx512>(job) }
}

/// # Safety
/// As for [`run`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(job: &Job) {
    // SAFETY: as asked for.
    unsafe { run::<Avx2>(job) }
}

/// # Safety
/// The pointers lead to all that belongs to the planes.
#[inline(always)]
unsafe fn run<V: Vector>(job: &Job) {
    let Job {
        plane,
        half,
        groups,
        ..
    } = *job;
    let (row, pixel) = (plane.row(), plane.pixel);
    // SAFETY: as asked for.
    unsafe {
        for group in 0..groups {
            let lane = group * LANES;
            let mut sum = V::load(job.bias.add(lane));
            for y in 0..half.height {
                for x in 0..half.width {
                    let from = (y * half.width + x) * groups + group;
                    let delta = V::load(job.delta.add(half.at(y, x) + lane));
                    let route = *job.routes.add(from);
                    let masks = masks(route);
                    let out = job.out.add(plane.at(2 * y, 2 * x) + lane);
                    delta.keep(masks[0]).store(out);
                    delta.keep(masks[1]).store(out.add(pixel));
                    delta.keep(masks[2]).store(out.add(row));
                    delta.keep(masks[3]).store(out.add(row + pixel));
                    sum = sum.add(delta.keep(route[3]));
                }
            }
            sum.store(job.bias.add(lane));
        }
    }
}

/// Returns where each of the four is the largest and passes a gradient on.
#[inline(always)]
fn masks([second, third, fourth, passes]: Route) -> [u16; 4] {
    let before_fourth = passes & !fourth;
    let before_third = before_fourth & !third;
    [
        before_third & !second,
        before_third & second,
        before_fourth & third,
        passes & fourth,
    ]
}

for_each_set! {
    /// Writes the largest of two by two values `[height, width, lanes]`, the first of `from`, to `out` in `plane`; of
    /// their slopes, the second, those that belong to them to `chosen`; and the routes to them.
    pub fn pool(
        plane: Plane,
        out: &mut [f32],
        from: [&[f32]; 2],
        chosen: &mut [f32],
        routes: &mut [Route],
        width: usize,
    ) {
        let ([values, slopes], lanes) = (from, plane.pixel);
        routes.fill([0, 0, 0, u16::MAX]);
        for y in 0..plane.height {
            for x in 0..plane.width {
                let start = (2 * y * width + 2 * x) * lanes;
                let window = [0, lanes, width * lanes, (width + 1) * lanes].map(|step| start + step);
                let to = plane.at(y, x);
                let pixel = (y * plane.width + x) * lanes;
                for lane in 0..lanes {
                    let mut which = 0;
                    for i in 1..4 {
                        let (value, largest) = (values[window[i] + lane], values[window[which] + lane]);
                        // What is no number is larger, so that it shows in the loss.
                        if value > largest || value.is_nan() {
                            which = i;
                        }
                    }
                    let from = window[which] + lane;
                    out[to + lane] = values[from];
                    chosen[pixel + lane] = slopes[from];
                    if which > 0 {
                        routes[(pixel + lane) / LANES][which - 1] |= 1 << (lane % LANES);
                    }
                }
            }
        }
    }

    /// Adds the sums of the rows of `x`, `[rows, out.len()]`, to `out`.
    pub fn add_rows(out: &mut [f32], x: &[f32]) {
        for row in x.chunks_exact(out.len()) {
            for (out, x) in out.iter_mut().zip(row) {
                *out += x;
            }
        }
    }
}
