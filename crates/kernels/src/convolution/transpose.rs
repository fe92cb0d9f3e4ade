//! Sums of a matrix and a part of another one's transpose.

#[cfg(target_arch = "x86_64")]
use super::vectors::{Avx2, Avx512};
use super::vectors::{LANES, Vector};
use crate::instructions::{Instructions, Set, for_each_set};

/// Adds columns of `x`, rows of `columns` values, to the rows of `out`, which are `width` apart: the columns from
/// `first` on, until `out` ends.
pub fn add_transposed(
    instructions: Instructions,
    out: &mut [f32],
    width: usize,
    x: &[f32],
    columns: usize,
    first: usize,
) {
    let (rows, height) = (out.len().div_ceil(width), x.len() / columns);
    assert!(
        first + rows <= columns && height <= width,
        "rows of the output"
    );
    // The last row may end early.
    assert!(
        rows == 0 || out.len() >= (rows - 1) * width + height,
        "the output's last row"
    );
    let whole = [rows - rows % LANES, height - height % LANES];
    let blocks = Blocks {
        out: out.as_mut_ptr(),
        width,
        x: x[first.min(x.len())..].as_ptr(),
        columns,
        whole,
    };
    // SAFETY: the blocks are within both, as the assertions say; `Instructions` are those that the processor has.
    unsafe {
        match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => avx512(&blocks),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => avx2(&blocks),
            Set::Portable => add_blocks::<super::vectors::Portable>(&blocks),
        }
    }
    add_rest(instructions, out, width, x, columns, first, whole);
}

/// The part of both that is whole blocks of 16 by 16.
struct Blocks {
    out: *mut f32,
    width: usize,
    x: *const f32,
    columns: usize,
    /// Rows and columns of the output.
    whole: [usize; 2],
}

/// # Safety
/// As for [`add_blocks`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn avx512(blocks: &Blocks) {
    // SAFETY: as asked for.
    unsafe { add_blocks::<Avx512>(blocks) }
}

/// # Safety
/// As for [`add_blocks`], and the processor has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(blocks: &Blocks) {
    // SAFETY: as asked for.
    unsafe { add_blocks::<Avx2>(blocks) }
}

/// # Safety
/// The pointers lead to as many rows and columns as the blocks have.
#[inline(always)]
unsafe fn add_blocks<V: Vector>(blocks: &Blocks) {
    let [rows, height] = blocks.whole;
    for row in (0..rows).step_by(LANES) {
        for column in (0..height).step_by(LANES) {
            // SAFETY: as asked for; `whole` are multiples of a block's size.
            unsafe {
                let mut block = [V::zero(); LANES];
                for (i, block) in block.iter_mut().enumerate() {
                    *block = V::load(blocks.x.add((column + i) * blocks.columns + row));
                }
                for (i, value) in V::transpose(block).into_iter().enumerate() {
                    let out = blocks.out.add((row + i) * blocks.width + column);
                    V::load(out).add(value).store(out);
                }
            }
        }
    }
}

for_each_set! {
    /// Adds what is beside the blocks.
    fn add_rest(
        out: &mut [f32],
        width: usize,
        x: &[f32],
        columns: usize,
        first: usize,
        whole: [usize; 2],
    ) {
        for (number, out) in out.chunks_mut(width).enumerate() {
            let skipped = if number < whole[0] { whole[1] } else { 0 };
            let column = x.iter().skip(skipped * columns + first + number).step_by(columns);
            for (out, x) in out.iter_mut().skip(skipped).zip(column) {
                *out += x;
            }
        }
    }
}
