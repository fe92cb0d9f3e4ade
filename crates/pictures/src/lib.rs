//! A person's own picture (PNG, JPEG, WebP, GIF, BMP, TIFF) as input for a model that knows Fashion-MNIST:
//! grey, light on black, filling the frame.
//!
//! Upstream made its images in the same way: trim, scale the longest edge, centre, invert, grey
//! (<https://github.com/zalandoresearch/fashion-mnist>, "How are the images processed").
//!
//! 1. `prepare` is the whole way: [`open`] a file, or take its bytes ([`from_bytes`]), or an image that is
//!    decoded already ([`prepare`](fn@prepare)).
//! 2. `decode` turns bytes into an image, within limits; `jpeg` and `foreign` look at them first.
//! 3. `ground` finds the background, and what stands out from it.
//! 4. `tone` makes greys of colours: how far each is from the background.
//! 5. `colours` is what they all compute with: colours on a grid, and averages of them.
//!
//! Nothing here prints, reads arguments, knows a model or needs Burn.

#![forbid(unsafe_code)]

mod prepare;

mod decode;

mod jpeg;

mod foreign;

mod ground;

mod tone;

mod colours;

pub use decode::{dimensions, load};
pub use foreign::Foreign;
pub use prepare::{PictureError, Prepared, from_bytes, open, prepare};
