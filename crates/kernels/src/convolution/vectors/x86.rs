//! Sixteen values in one register of AVX-512, or in two of AVX2.

use std::arch::x86_64::*;

use super::Vector;

#[derive(Clone, Copy)]
pub struct Avx512(__m512);

// SAFETY (of every block): as the trait asks for.
impl Vector for Avx512 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self(unsafe { _mm512_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(x.0, y.0, self.0) })
    }

    #[inline(always)]
    unsafe fn larger(self, other: Self) -> (Self, u16) {
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(other.0, self.0);
            // Of what is no number, and of equal ones, this is the second.
            (Self(_mm512_max_ps(self.0, other.0)), mask)
        }
    }

    #[inline(always)]
    unsafe fn relu(self) -> (Self, u16) {
        unsafe {
            let zero = _mm512_setzero_ps();
            let alive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, zero);
            // The second stays if it is no number.
            (Self(_mm512_max_ps(zero, self.0)), alive)
        }
    }

    #[inline(always)]
    unsafe fn keep(self, mask: u16) -> Self {
        Self(unsafe { _mm512_maskz_mov_ps(mask, self.0) })
    }

    #[inline(always)]
    unsafe fn choose(masks: [u16; 4], values: [u32; 4]) -> Self {
        unsafe {
            let mut chosen = _mm512_set1_epi32(values[0] as i32);
            for i in 0..3 {
                let value = _mm512_set1_epi32(values[i + 1] as i32);
                chosen = _mm512_mask_mov_epi32(chosen, masks[i], value);
            }
            Self(_mm512_castsi512_ps(chosen))
        }
    }

    #[inline(always)]
    unsafe fn not_zero(self) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn compress(self, mask: u16, to: *mut f32) {
        // Written whole: a masked write is slow on some processors.
        unsafe { _mm512_storeu_ps(to, _mm512_maskz_compress_ps(mask, self.0)) }
    }

    /// First two by two, then four by four within quarters of a vector, then the quarters.
    #[inline(always)]
    unsafe fn transpose(mut rows: [Self; 16]) -> [Self; 16] {
        unsafe {
            let mut pairs = rows;
            for i in 0..8 {
                let (a, b) = (rows[2 * i].0, rows[2 * i + 1].0);
                pairs[2 * i].0 = _mm512_unpacklo_ps(a, b);
                pairs[2 * i + 1].0 = _mm512_unpackhi_ps(a, b);
            }
            for i in 0..8 {
                let (first, step) = (4 * (i / 2) + i % 2, 2 * i);
                let a = _mm512_castps_pd(pairs[first].0);
                let b = _mm512_castps_pd(pairs[first + 2].0);
                rows[step].0 = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                rows[step + 1].0 = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
            let mut columns = rows;
            for i in 0..4 {
                let [a, b, c, d] = [0, 4, 8, 12].map(|step| rows[i + step].0);
                let even = _mm512_shuffle_f32x4::<0x88>(a, b);
                let odd = _mm512_shuffle_f32x4::<0xdd>(a, b);
                let later_even = _mm512_shuffle_f32x4::<0x88>(c, d);
                let later_odd = _mm512_shuffle_f32x4::<0xdd>(c, d);
                columns[i].0 = _mm512_shuffle_f32x4::<0x88>(even, later_even);
                columns[i + 4].0 = _mm512_shuffle_f32x4::<0x88>(odd, later_odd);
                columns[i + 8].0 = _mm512_shuffle_f32x4::<0xdd>(even, later_even);
                columns[i + 12].0 = _mm512_shuffle_f32x4::<0xdd>(odd, later_odd);
            }
            columns
        }
    }
}

#[derive(Clone, Copy)]
pub struct Avx2([__m256; 2]);

impl Avx2 {
    /// Returns all bits of the lanes of a half where the mask has a bit.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn lanes(mask: u16, half: usize) -> __m256 {
        unsafe {
            let bits = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
            let mask = _mm256_set1_epi32(i32::from(mask >> (8 * half)));
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(mask, bits), bits))
        }
    }

    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn bits(low: __m256, high: __m256) -> u16 {
        unsafe { (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u16 }
    }
}

// SAFETY (of every block): as the trait asks for.
impl Vector for Avx2 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([unsafe { _mm256_setzero_ps() }; 2])
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([unsafe { _mm256_set1_ps(value) }; 2])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(8), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe {
            let low = _mm256_add_ps(self.0[0], other.0[0]);
            Self([low, _mm256_add_ps(self.0[1], other.0[1])])
        }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self {
        unsafe {
            let low = _mm256_fmadd_ps(x.0[0], y.0[0], self.0[0]);
            Self([low, _mm256_fmadd_ps(x.0[1], y.0[1], self.0[1])])
        }
    }

    #[inline(always)]
    unsafe fn larger(self, other: Self) -> (Self, u16) {
        unsafe {
            let larger = [0, 1].map(|i| _mm256_max_ps(self.0[i], other.0[i]));
            let [low, high] = [0, 1].map(|i| _mm256_cmp_ps::<_CMP_NLE_UQ>(other.0[i], self.0[i]));
            (Self(larger), Self::bits(low, high))
        }
    }

    #[inline(always)]
    unsafe fn relu(self) -> (Self, u16) {
        unsafe {
            let zero = _mm256_setzero_ps();
            let [low, high] = self.0.map(|x| _mm256_cmp_ps::<_CMP_GT_OQ>(x, zero));
            (
                Self(self.0.map(|x| _mm256_max_ps(zero, x))),
                Self::bits(low, high),
            )
        }
    }

    #[inline(always)]
    unsafe fn keep(self, mask: u16) -> Self {
        unsafe {
            let low = _mm256_and_ps(self.0[0], Self::lanes(mask, 0));
            Self([low, _mm256_and_ps(self.0[1], Self::lanes(mask, 1))])
        }
    }

    #[inline(always)]
    unsafe fn choose(masks: [u16; 4], values: [u32; 4]) -> Self {
        unsafe {
            let mut chosen = [_mm256_castsi256_ps(_mm256_set1_epi32(values[0] as i32)); 2];
            for (mask, value) in masks.into_iter().zip(&values[1..]) {
                let value = _mm256_castsi256_ps(_mm256_set1_epi32(*value as i32));
                for (half, chosen) in chosen.iter_mut().enumerate() {
                    *chosen = _mm256_blendv_ps(*chosen, value, Self::lanes(mask, half));
                }
            }
            Self(chosen)
        }
    }

    #[inline(always)]
    unsafe fn not_zero(self) -> u16 {
        unsafe {
            let zero = _mm256_setzero_ps();
            let [low, high] = self.0.map(|x| _mm256_cmp_ps::<_CMP_NEQ_UQ>(x, zero));
            Self::bits(low, high)
        }
    }

    #[inline(always)]
    unsafe fn compress(self, mask: u16, to: *mut f32) {
        let mut all = [0f32; 16];
        unsafe {
            self.store(all.as_mut_ptr());
            super::compress(&all, mask, to);
        }
    }
}
