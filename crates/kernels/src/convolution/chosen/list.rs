//! Lists of the sums that were chosen.

use super::super::plane::Plane;
use super::super::pool::Route;
#[cfg(target_arch = "x86_64")]
use super::super::vectors::{Avx2, Avx512};
use super::super::vectors::{LANES, Portable, Vector};
use crate::instructions::{Instructions, Set};

/// What the lists are made from, in pointers.
pub struct List {
    pub input: Plane,
    pub plane: Plane,
    pub delta: *const f32,
    pub routes: *const Route,
    pub bias: *mut f32,
    pub room: usize,
    pub counts: *mut usize,
    pub starts: *mut f32,
    pub values: *mut f32,
}

impl List {
    /// Makes the lists.
    ///
    /// # Safety
    /// The pointers lead to all that belongs to the planes, and to a list of `room` for each channel.
    pub unsafe fn run(&self, instructions: Instructions) {
        // SAFETY: as asked for; `Instructions` are those that the processor has.
        unsafe {
            match instructions.set() {
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => list_avx512(self),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => list_avx2(self),
                Set::Portable => list::<Portable>(self),
            }
        }
    }
}

/// # Safety
/// As for [`list`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn list_avx512(job: &List) {
    // SAFETY: as asked for.
    unsafe { list::<Avx512>(job) }
}

/// # Safety
/// As for [`list`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn list_avx2(job: &List) {
    // SAFETY: as asked for.
    unsafe { list::<Avx2>(job) }
}

/// Sixteen channels of sixteen pixels are turned into sixteen pixels of each channel, of which those that are not 0 are
/// appended to its list.
///
/// # Safety
/// The pointers lead to all that belongs to the planes.
#[inline(always)]
unsafe fn list<V: Vector>(job: &List) {
    let (plane, row, pixel) = (job.plane, job.input.row(), job.input.pixel);
    let (count, groups) = (plane.height * plane.width, plane.pixel / LANES);
    // SAFETY: as asked for.
    unsafe {
        for group in 0..groups {
            let lane = group * LANES;
            let mut ends = [0; LANES];
            let mut sum = V::load(job.bias.add(lane));
            let (mut y, mut x) = (0, 0);
            for first in (0..count).step_by(LANES) {
                let (mut values, mut starts) = ([V::zero(); LANES], [V::zero(); LANES]);
                for i in 0..LANES.min(count - first) {
                    let route = *job.routes.add((y * plane.width + x) * groups + group);
                    values[i] = V::load(job.delta.add(plane.at(y, x) + lane)).keep(route[3]);
                    sum = sum.add(values[i]);
                    let start = 2 * y * row + 2 * x * pixel;
                    let window = [start, start + pixel, start + row, start + row + pixel];
                    starts[i] = V::choose(route, window.map(|start| start as u32));
                    // Every second pixel, so that what follows each other does not wait for each other.
                    x += 2;
                    if x >= plane.width {
                        x = if x % 2 == 0 && plane.width > 1 { 1 } else { 0 };
                        y += 1 - x;
                    }
                }
                let (values, starts) = (V::transpose(values), V::transpose(starts));
                for i in 0..LANES {
                    let mask = values[i].not_zero();
                    let end = (lane + i) * job.room + ends[i];
                    values[i].compress(mask, job.values.add(end));
                    starts[i].compress(mask, job.starts.add(end));
                    ends[i] += mask.count_ones() as usize;
                }
            }
            sum.store(job.bias.add(lane));
            job.counts.add(lane).cast::<[usize; LANES]>().write(ends);
        }
    }
}
