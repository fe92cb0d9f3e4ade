//! How data sets place things is learned from their images, and a person's picture is prepared alike.

use data::idx::read_images;
use image::{DynamicImage, GrayImage, Luma, RgbImage};
use pictures::{Centre, Placement, Preparation, Tone, open_as, prepare_as};

use crate::formats::fixture;
use crate::mutations::Chance;
use crate::package;

const SIZE: [usize; 3] = [1, 28, 28];

fn learn(images: &[Vec<u8>]) -> Preparation {
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    Preparation::learn(&images, SIZE)
}

/// Strokes like a digit's, in a box of `longest`, their centre of mass or their box in the middle as MNIST and EMNIST
/// have it: a bar down, and one of random length across at a random height.
fn digits(count: usize, longest: usize, centre: Centre) -> Vec<Vec<u8>> {
    let mut chance = Chance(7);
    let digit = |_| {
        let (wide, at) = (4 + chance.below(longest - 4), chance.below(longest - 3));
        let ink =
            |x: usize, y: usize| y < longest && (x < 3 || x < wide && (at..at + 3).contains(&y));
        let places = || {
            (0..longest)
                .flat_map(|y| (0..wide).map(move |x| (x, y)))
                .filter(|&(x, y)| ink(x, y))
        };
        let count = places().count() as f32;
        let middle = |of: fn((usize, usize)) -> usize, side: usize| match centre {
            Centre::Mass => places().map(|place| of(place) as f32).sum::<f32>() / count + 0.5,
            Centre::Box => side as f32 / 2.0,
        };
        let left = (14.0 - middle(|(x, _)| x, wide)).round().max(0.0) as usize;
        let top = (14.0 - middle(|(_, y)| y, longest)).round().max(0.0) as usize;
        let mut image = vec![0; 784];
        places().for_each(|(x, y)| image[(top + y).min(27) * 28 + (left + x).min(27)] = 255);
        image
    };
    (0..count).map(digit).collect()
}

/// Fashion-MNIST's own way stays what it was, to the byte.
#[test]
fn fashion_mnist_fills_the_frame() {
    let images = read_images(&package().join("train-images-idx3-ubyte.gz")).unwrap();
    let all: Vec<&[u8]> = (0..images.count).map(|i| images.image(i)).collect();
    assert_eq!(Preparation::learn(&all, SIZE), Preparation::default());
    let photograph = || pictures::load(&fixture("plain-00-ankle-boot.png")).unwrap();
    let found = prepare_as(photograph(), SIZE, &Preparation::default());
    assert_eq!(found, pictures::prepare(photograph(), 28, 28));
}

#[test]
fn boxes_and_centres_are_learned() {
    for (longest, centre) in [(20, Centre::Mass), (24, Centre::Box), (16, Centre::Mass)] {
        let Preparation { placement, ground } = learn(&digits(300, longest, centre));
        let Placement::Box {
            extent,
            centre: found,
            at,
        } = placement
        else {
            panic!("{placement:?}");
        };
        assert_eq!((found, ground), (centre, Tone::Dark), "{longest}");
        assert!((extent * 28.0 - longest as f32).abs() < 0.1, "{extent}");
        assert!(at.iter().all(|at| (at * 28.0 - 14.0).abs() < 0.6), "{at:?}");
    }
    // The same, drawn black on white; and a tenth of odd images changes nothing.
    let mut images = digits(300, 20, Centre::Mass);
    let plain = learn(&images);
    images
        .iter_mut()
        .flatten()
        .for_each(|pixel| *pixel = 255 - *pixel);
    assert_eq!(
        learn(&images),
        Preparation {
            ground: Tone::Light,
            ..plain
        }
    );
    let mut images = digits(300, 20, Centre::Mass);
    images.iter_mut().take(30).for_each(|image| image.fill(200));
    images
        .iter_mut()
        .skip(30)
        .take(20)
        .for_each(|image| image[..784].iter_mut().step_by(3).for_each(|p| *p = 255));
    let [one, other] = [plain, learn(&images)].map(|learned| match learned.placement {
        Placement::Box { extent, centre, at } => {
            (extent, centre, at.map(|at| (at * 100.0).round()))
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(one, other);
    // Nothing to learn from.
    assert_eq!(learn(&[]), Preparation::default());
    assert_eq!(learn(&[vec![7; 784]]), Preparation::default());
    assert_eq!(
        Preparation::learn(&[&[0; 12]], [3, 2, 2]),
        Preparation::WHOLE
    );
}

/// Images without a ground: corners of any light.
#[test]
fn scenes_are_taken_whole() {
    let mut chance = Chance(1);
    let scenes: Vec<Vec<u8>> = (0..50)
        .map(|_| (0..784).map(|_| chance.number() as u8).collect())
        .collect();
    assert_eq!(learn(&scenes), Preparation::WHOLE);
    // The middle of a wide picture, nothing cut out, nothing inverted.
    let wide = RgbImage::from_fn(112, 56, |x, y| image::Rgb([x as u8, y as u8, 200]));
    let found = prepare_as(wide.into(), [3, 28, 28], &Preparation::WHOLE).unwrap();
    assert_eq!(found.pixels.len(), 3 * 784);
    assert_eq!(
        found.done,
        ["112x56 colour", "the whole picture, scaled to 28x28"]
    );
    assert!(
        found.pixels[..28]
            .iter()
            .zip(0..)
            .all(|(&red, x)| red.abs_diff(28 + 2 * x) <= 1)
    );
    assert!(found.pixels[2 * 784..].iter().all(|&blue| blue == 200));
    let blank = DynamicImage::new_luma8(50, 50);
    assert_eq!(prepare_as(blank, SIZE, &Preparation::WHOLE), None);
}

/// Photographs of digits on paper, for a network that knows MNIST's layout: a box of 20, the centre of mass in the
/// middle, and the paper black.
#[test]
fn photographed_digits_are_laid_out_as_mnist_says() {
    let preparation = learn(&digits(300, 20, Centre::Mass));
    for name in [
        "A1-digit-000-4.jpg",
        "A1-digit-001-4.jpg",
        "A1-digit-002-7.jpg",
    ] {
        let found = open_as(&fixture(name), SIZE, &preparation).unwrap();
        let light = |x: usize, y: usize| f32::from(found.pixels[y * 28 + x]);
        let places = || {
            (0..28)
                .flat_map(|y| (0..28).map(move |x| (x, y)))
                .filter(|&(x, y)| light(x, y) > 0.0)
        };
        let side = |of: fn((usize, usize)) -> usize| {
            let (first, last) = (
                places().map(of).min().unwrap(),
                places().map(of).max().unwrap(),
            );
            last + 1 - first
        };
        let longest = side(|(x, _)| x).max(side(|(_, y)| y));
        assert!((19..=20).contains(&longest), "{name}: {longest}");
        let mass: f32 = places().map(|(x, y)| light(x, y)).sum();
        let centre = |of: fn((usize, usize)) -> usize| {
            places()
                .map(|place| light(place.0, place.1) * (of(place) as f32 + 0.5))
                .sum::<f32>()
                / mass
        };
        let centre = [centre(|(x, _)| x), centre(|(_, y)| y)];
        assert!(
            centre.iter().all(|at| (at - 14.0).abs() <= 1.0),
            "{name}: {centre:?}"
        );
        assert!(
            found.pixels.iter().filter(|&&pixel| pixel == 0).count() > 500,
            "{name}: the paper is not black"
        );
        assert!(
            found
                .done
                .iter()
                .any(|done| done.contains("its centre of mass placed")),
            "{:?}",
            found.done
        );
        // The same on white, where the training images are.
        let light = Preparation {
            ground: Tone::Light,
            ..preparation
        };
        let inverted = open_as(&fixture(name), SIZE, &light).unwrap();
        assert!(
            inverted
                .pixels
                .iter()
                .zip(&found.pixels)
                .all(|(one, other)| *one == 255 - other)
        );
    }
}

/// An image of the data set's size keeps its pixels; only its ground is made that of the training images.
#[test]
fn an_image_of_the_size_keeps_its_pixels() {
    let digit = &digits(1, 20, Centre::Mass)[0];
    let negative: Vec<u8> = digit.iter().map(|pixel| 255 - pixel).collect();
    for ground in [Tone::Dark, Tone::Light] {
        let preparation = Preparation {
            ground,
            ..learn(&digits(50, 20, Centre::Mass))
        };
        let expect = if ground == Tone::Dark {
            digit
        } else {
            &negative
        };
        for pixels in [digit, &negative] {
            let image = GrayImage::from_raw(28, 28, pixels.clone()).unwrap();
            assert_eq!(
                prepare_as(image.into(), SIZE, &preparation).unwrap().pixels,
                *expect,
                "{ground:?}"
            );
        }
    }
}

/// Whatever a record says, no picture makes it panic.
#[test]
fn odd_preparations_do_no_harm() {
    let square = GrayImage::from_fn(50, 40, |x, y| {
        Luma([if x > 20 && y > 20 && x < 40 { 255 } else { 0 }])
    });
    for extent in [f32::NAN, 0.0, -1.0, 1e-9, 0.5, 7.0, f32::INFINITY] {
        for at in [[0.5, 0.5], [-9.0, 9.0], [f32::NAN, f32::INFINITY]] {
            for centre in [Centre::Mass, Centre::Box] {
                let placement = Placement::Box { extent, centre, at };
                let preparation = Preparation {
                    placement,
                    ground: Tone::Dark,
                };
                let found = prepare_as(square.clone().into(), SIZE, &preparation).unwrap();
                assert_eq!(found.pixels.len(), 784);
            }
        }
    }
}

/// A record keeps it as it is.
#[test]
fn it_is_written_and_read() {
    let learned = learn(&digits(50, 20, Centre::Mass));
    for preparation in [Preparation::default(), Preparation::WHOLE, learned] {
        let text = serde_json::to_string(&preparation).unwrap();
        assert_eq!(
            serde_json::from_str::<Preparation>(&text).unwrap(),
            preparation,
            "{text}"
        );
    }
    assert_eq!(
        serde_json::to_string(&Preparation::default()).unwrap(),
        r#"{"placement":"fill","ground":"dark"}"#
    );
}
