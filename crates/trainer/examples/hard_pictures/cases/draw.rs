//! Makes a photograph of a test image: enlarge, place, lay on a ground, light badly, encode.

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageEncoder, ImageFormat, Luma, Rgb, Rgb32FImage, Rgba, RgbaImage,
};
use std::io::Cursor;

/// Red, green and blue, 0 to 1.
pub type Colour = [f32; 3];

pub const WHITE: Colour = [1.0; 3];
pub const BLACK: Colour = [0.0; 3];

/// How much the eye makes of red, green and blue (Rec. 709, as `image` and ImageMagick have it).
const LUMA: Colour = [0.2126, 0.7152, 0.0722];

/// A test image with the outline of its garment, both of the same size.
pub struct Garment {
    /// As the data set has it: the negative of what was photographed on white.
    pub light: GrayImage,
    /// 255 where the garment is, its dark parts as well; 0 around it.
    pub mask: GrayImage,
}

impl Garment {
    /// What black pixels connect with the frame is no garment. At most 8 of 255 counts as black.
    pub fn new(light: &GrayImage) -> Self {
        let (width, height) = light.dimensions();
        let mut mask = GrayImage::from_pixel(width, height, Luma([255]));
        let frame = |x, y| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let mut open: Vec<(u32, u32)> = (0..width * height)
            .map(|at| (at % width, at / width))
            .filter(|&(x, y)| frame(x, y))
            .collect();
        while let Some((x, y)) = open.pop() {
            if x < width && y < height && mask.get_pixel(x, y).0[0] == 255 {
                if light.get_pixel(x, y).0[0] > 8 {
                    continue;
                }
                mask.put_pixel(x, y, Luma([0]));
                open.extend([
                    (x + 1, y),
                    (x, y + 1),
                    (x.wrapping_sub(1), y),
                    (x, y.wrapping_sub(1)),
                ]);
            }
        }
        let light = light.clone();
        Self { light, mask }
    }

    /// `side` pixels wide and high.
    pub fn enlarged(&self, side: u32, filter: FilterType) -> Self {
        let resize = |image: &GrayImage| imageops::resize(image, side, side, filter);
        Self {
            light: resize(&self.light),
            mask: resize(&self.mask),
        }
    }

    /// With room around it: left, top, right and bottom, in per cent of its own side.
    pub fn placed(&self, room: [u32; 4]) -> Self {
        Self {
            light: padded(&self.light, room, 0),
            mask: padded(&self.mask, room, 0),
        }
    }

    /// Printed on the ground with ink: the lighter a pixel, the more ink.
    pub fn printed(&self, ink: Colour, ground: impl Fn(f32, f32) -> Colour) -> Rgb32FImage {
        self.each(ground, |light, _| (ink, light))
    }

    /// Cut out and laid on the ground: each pixel as bright as it was before the data set inverted
    /// it, and tinted without a change of brightness.
    pub fn laid(&self, tint: Colour, ground: impl Fn(f32, f32) -> Colour) -> Rgb32FImage {
        self.each(ground, |light, mask| (tinted(1.0 - light, tint), mask))
    }

    /// Cut out, on nothing.
    pub fn alone(&self, tint: Colour) -> RgbaImage {
        RgbaImage::from_fn(self.light.width(), self.light.height(), |x, y| {
            let light = f32::from(self.light.get_pixel(x, y).0[0]) / 255.0;
            let [r, g, b] = tinted(1.0 - light, tint).map(|c| (c * 255.0).round() as u8);
            Rgba([r, g, b, self.mask.get_pixel(x, y).0[0]])
        })
    }

    /// Mixes each pixel of the ground with the colour and share that `paint` gives.
    fn each(
        &self,
        ground: impl Fn(f32, f32) -> Colour,
        paint: impl Fn(f32, f32) -> (Colour, f32),
    ) -> Rgb32FImage {
        let (width, height) = self.light.dimensions();
        Rgb32FImage::from_fn(width, height, |x, y| {
            let at = |image: &GrayImage| f32::from(image.get_pixel(x, y).0[0]) / 255.0;
            let (colour, share) = paint(at(&self.light), at(&self.mask));
            let below = ground(
                (x as f32 + 0.5) / width as f32,
                (y as f32 + 0.5) / height as f32,
            );
            Rgb([0, 1, 2].map(|c| below[c] + (colour[c] - below[c]) * share))
        })
    }

    /// The shadow that a light from the upper left throws to the lower right: how much darker the
    /// ground gets there, 0 to 1.
    pub fn shadow(&self) -> GrayImage {
        let (width, height) = self.mask.dimensions();
        let (right, down) = (width / 25, height / 25);
        let mut moved = GrayImage::new(width, height);
        imageops::overlay(&mut moved, &self.mask, right.into(), down.into());
        imageops::fast_blur(&moved, width as f32 / 50.0)
    }
}

/// A colour of that brightness, as near to the tint as it can have.
fn tinted(brightness: f32, tint: Colour) -> Colour {
    let own: f32 = (0..3).map(|c| LUMA[c] * tint[c]).sum();
    let off = tint.map(|c| c - own);
    let room = |off: f32| match off {
        0.0 => 1.0,
        off if off > 0.0 => (1.0 - brightness) / off,
        off => -brightness / off,
    };
    let most = off.into_iter().map(room).fold(1.0, f32::min);
    off.map(|off| (brightness + most * off).clamp(0.0, 1.0))
}

pub fn padded(image: &GrayImage, [left, top, right, bottom]: [u32; 4], light: u8) -> GrayImage {
    let (width, height) = image.dimensions();
    let of = |percent: u32, side: u32| (percent * side).div_ceil(100);
    let [left, right] = [left, right].map(|percent| of(percent, width));
    let [top, bottom] = [top, bottom].map(|percent| of(percent, height));
    let mut large =
        GrayImage::from_pixel(left + width + right, top + height + bottom, Luma([light]));
    imageops::replace(&mut large, image, left.into(), top.into());
    large
}

pub fn negative(image: &GrayImage) -> GrayImage {
    let mut image = image.clone();
    imageops::invert(&mut image);
    image
}

/// One colour everywhere.
pub fn plain(colour: Colour) -> impl Fn(f32, f32) -> Colour {
    move |_, _| colour
}

/// From one colour at the left top to another at the right bottom.
pub fn gradient(from: Colour, to: Colour) -> impl Fn(f32, f32) -> Colour {
    move |x, y| [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * (x + y) / 2.0)
}

/// Boards of wood, or the weave of a cloth: waves, `strength` to both sides of the colour.
pub fn texture(colour: Colour, waves: f32, strength: f32) -> impl Fn(f32, f32) -> Colour {
    move |x, y| {
        let wave = (x * waves * std::f32::consts::TAU).sin() * (y * waves * 2.0).cos();
        colour.map(|c| c * (1.0 + strength * wave))
    }
}

/// Darker towards the corners, down to `1 - strength` in them.
pub fn vignette(mut image: Rgb32FImage, strength: f32) -> Rgb32FImage {
    let (width, height) = (image.width() as f32, image.height() as f32);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let [dx, dy] = [(x as f32 + 0.5) / width, (y as f32 + 0.5) / height].map(|at| at - 0.5);
        pixel
            .0
            .iter_mut()
            .for_each(|c| *c *= 1.0 - strength * 2.0 * (dx * dx + dy * dy));
    }
    image
}

/// Darker by up to `strength` where the shadow falls, but on the garment.
pub fn shaded(mut image: Rgb32FImage, garment: &Garment, strength: f32) -> Rgb32FImage {
    let shadow = garment.shadow();
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let [shadow, mask] =
            [&shadow, &garment.mask].map(|i| f32::from(i.get_pixel(x, y).0[0]) / 255.0);
        pixel
            .0
            .iter_mut()
            .for_each(|c| *c *= 1.0 - strength * shadow * (1.0 - mask));
    }
    image
}

/// Grain: nearly normal, of standard deviation `strength`, the same one for the same seed.
pub fn grain(mut image: Rgb32FImage, strength: f32, seed: usize) -> Rgb32FImage {
    // Knuth's MMIX generator; the sum of twelve uniform numbers has variance 1.
    let mut state = seed as u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    for value in image.iter_mut() {
        let normal = (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
        *value = (*value + strength * normal).clamp(0.0, 1.0);
    }
    image
}

pub fn eight_bit(image: Rgb32FImage) -> DynamicImage {
    DynamicImage::ImageRgb32F(image).into_rgb8().into()
}

pub fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image: DynamicImage = image.into();
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("writing to memory");
    bytes.into_inner()
}

pub fn jpeg(image: impl Into<DynamicImage>, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode_image(&image.into())
        .expect("writing to memory");
    bytes
}

/// A JPEG that lies as a camera was held, with a note how to turn it: 1 to 8.
pub fn turned(image: impl Into<DynamicImage>, note: u8) -> Vec<u8> {
    let mut image: DynamicImage = image.into();
    let back = match Orientation::from_exif(note) {
        Some(Orientation::Rotate90) => Orientation::Rotate270,
        Some(Orientation::Rotate270) => Orientation::Rotate90,
        // a flip or half a turn undoes itself
        other => other.unwrap_or(Orientation::NoTransforms),
    };
    image.apply_orientation(back);
    // TIFF, big-endian, one entry: orientation (0x0112), a short, one value
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
    tiff[19] = note;
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(tiff).expect("JPEG has EXIF");
    encoder.encode_image(&image).expect("writing to memory");
    bytes
}

/// A PNG of 16 greys by table, four bits a pixel.
pub fn palette(image: &GrayImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width(), image.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Four);
    encoder.set_palette((0..16).flat_map(|i| [i * 17; 3]).collect::<Vec<u8>>());
    let index = |light: u8| ((u16::from(light) + 8) / 17) as u8;
    let rows = image.rows().flat_map(|row| {
        let row: Vec<u8> = row.map(|p| index(p.0[0])).collect();
        row.chunks(2)
            .map(|two| two[0] << 4 | two.get(1).unwrap_or(&0))
            .collect::<Vec<u8>>()
    });
    let mut writer = encoder.write_header().expect("writing to memory");
    writer
        .write_image_data(&rows.collect::<Vec<u8>>())
        .expect("writing to memory");
    drop(writer);
    bytes
}
