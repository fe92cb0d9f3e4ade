//! Which vector instructions compute: the widest that the processor has. Tests choose others.

use std::fmt;

/// A set of vector instructions that this processor has. There is no way to get one that it has not: the
/// `unsafe` code of this crate relies on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructions(Set);

/// The sets there is code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Instructions {
    /// Returns the widest.
    pub fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512vl") {
                return Self(Set::Avx512);
            }
            if has_avx2() {
                return Self(Set::Avx2);
            }
        }
        Self(Set::Portable)
    }

    /// Returns all of them, the widest first; the last is what any processor has.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::widest()];
        #[cfg(target_arch = "x86_64")]
        if all[0].0 == Set::Avx512 && has_avx2() {
            all.push(Self(Set::Avx2));
        }
        if all[0].0 != Set::Portable {
            all.push(Self(Set::Portable));
        }
        all
    }

    pub(crate) fn set(self) -> Set {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            Set::Portable => "portable",
        })
    }
}

/// Compiles functions once for each [`Set`]; a call says with which [`Instructions`]. Nothing here fuses
/// a product with a sum, so that the bits are the same with all of them.
macro_rules! for_each_set {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block)*) => {$(
        $(#[$doc])*
        $vis fn $name(instructions: $crate::instructions::Instructions, $($arg: $type),*) {
            #[inline(always)]
            fn portable($($arg: $type),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
            fn avx512($($arg: $type),*) { portable($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) { portable($($arg),*) }

            use $crate::instructions::Set;
            match instructions.set() {
                // SAFETY: `Instructions` are those that the processor has.
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => unsafe { avx2($($arg),*) },
                Set::Portable => portable($($arg),*),
            }
        }
    )*};
}
pub(crate) use for_each_set;
