//! A person's own picture (PNG, JPEG, WebP, GIF, BMP, TIFF) as input for a network, made as the images were made
//! that it was trained on. Of Fashion-MNIST these are grey, light on black, and fill the frame.
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
//! 6. `preparation` learns from training images how they place things in the frame; `whole` is the way of
//!    those that place nothing.
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

mod preparation;

mod whole;

pub use decode::{
    MAX_IN_ALL, decode_within, dimensions, dimensions_of, is_picture, load, load_within,
};
pub use foreign::Foreign;
pub use image::DynamicImage;
pub use preparation::{Centre, Placement, Preparation, Tone};
pub use prepare::{
    PictureError, Prepared, from_bytes, from_bytes_as, open, open_as, prepare, prepare_as,
};
pub use whole::whole;
