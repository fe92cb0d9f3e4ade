//! What may happen to a garment until it reaches the program as a file.

pub mod draw;

use draw::{BLACK, Colour, Garment, WHITE};
use draw::{eight_bit, gradient, grain, jpeg, negative, padded, palette, plain, png, shaded};
use draw::{texture, turned, vignette};
use image::imageops::FilterType::{self, Lanczos3, Nearest, Triangle};
use image::{DynamicImage, GrayImage, LumaA, Rgba, RgbaImage};

const RED: Colour = [0.8, 0.1, 0.1];
const NAVY: Colour = [0.1, 0.15, 0.4];
const YELLOW: Colour = [0.95, 0.85, 0.2];
const CREAM: Colour = [0.96, 0.93, 0.84];
const GREEN: Colour = [0.25, 0.5, 0.3];
const BLUE: Colour = [0.2, 0.35, 0.6];
const WOOD: Colour = [0.62, 0.45, 0.3];

/// A way from a test image (and its number) to the bytes of a file.
type Draw = Box<dyn Fn(&GrayImage, usize) -> Vec<u8> + Sync>;

/// One row of the table.
pub struct Case {
    /// Which table.
    pub group: &'static str,
    pub name: String,
    /// How many times dearer it is than others: so much fewer images are drawn.
    pub cost: usize,
    pub draw: Draw,
}

/// Every case, in the order of the table.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    stored(&mut cases);
    sizes(&mut cases);
    places(&mut cases);
    compressed(&mut cases);
    printed(&mut cases);
    laid(&mut cases);
    transparent(&mut cases);
    badly_lit(&mut cases);
    together(&mut cases);
    cases
}

fn add(
    cases: &mut Vec<Case>,
    group: &'static str,
    name: impl Into<String>,
    draw: impl Fn(&GrayImage, usize) -> Vec<u8> + Sync + 'static,
) {
    let (name, draw) = (name.into(), Box::new(draw));
    cases.push(Case {
        group,
        name,
        cost: 1,
        draw,
    });
}

fn large(image: &GrayImage, side: u32, filter: FilterType) -> GrayImage {
    image::imageops::resize(image, side, side, filter)
}

/// A garment as a photograph shows it: 224 pixels a side, with a quarter of that around it.
fn photo(image: &GrayImage) -> Garment {
    Garment::new(image)
        .enlarged(224, Triangle)
        .placed([25, 25, 25, 25])
}

/// 28 x 28 pixels, in other formats.
fn stored(cases: &mut Vec<Case>) {
    const GROUP: &str = "28 x 28, stored otherwise";
    add(cases, GROUP, "PNG", |t, _| png(t.clone()));
    add(cases, GROUP, "negative", |t, _| png(negative(t)));
    add(cases, GROUP, "16-bit grey", |t, _| {
        png(DynamicImage::from(negative(t)).into_luma16())
    });
    add(cases, GROUP, "16-bit colour", |t, _| {
        png(DynamicImage::from(negative(t)).into_rgb16())
    });
    add(cases, GROUP, "palette of 16 greys", |t, _| {
        palette(&negative(t))
    });
    for quality in [95, 75, 50, 30] {
        add(
            cases,
            GROUP,
            format!("JPEG, quality {quality}"),
            move |t, _| jpeg(t.clone(), quality),
        );
        add(
            cases,
            GROUP,
            format!("negative, JPEG, quality {quality}"),
            move |t, _| jpeg(negative(t), quality),
        );
    }
}

fn sizes(cases: &mut Vec<Case>) {
    const GROUP: &str = "other sizes";
    for (name, filter) in [
        ("nearest", Nearest),
        ("bilinear", Triangle),
        ("Lanczos", Lanczos3),
    ] {
        for side in [29, 32, 45, 84, 100, 224, 331] {
            add(
                cases,
                GROUP,
                format!("{side}x{side}, {name}"),
                move |t, _| png(large(t, side, filter)),
            );
        }
        add(
            cases,
            GROUP,
            format!("224x224, {name}, negative"),
            move |t, _| png(negative(&large(t, 224, filter))),
        );
    }
    for side in [20, 14] {
        add(
            cases,
            GROUP,
            format!("{side}x{side}, bilinear"),
            move |t, _| png(large(t, side, Triangle)),
        );
    }
    add(cases, GROUP, "2000x2000, bilinear, negative", |t, _| {
        png(negative(&large(t, 2000, Triangle)))
    });
    if let Some(huge) = cases.last_mut() {
        huge.cost = 20;
    }
}

fn places(cases: &mut Vec<Case>) {
    const GROUP: &str = "elsewhere in the picture";
    for percent in [10, 25, 50, 100] {
        let room = [percent; 4];
        add(
            cases,
            GROUP,
            format!("28x28 and {percent} % on each side"),
            move |t, _| png(padded(t, room, 0)),
        );
    }
    for percent in [10, 25, 50, 100] {
        let room = [percent; 4];
        add(
            cases,
            GROUP,
            format!("negative, 224x224 and {percent} % on each side"),
            move |t, _| png(negative(&padded(&large(t, 224, Triangle), room, 0))),
        );
    }
    for (name, room) in [
        ("in the left top corner", [5, 5, 95, 95]),
        ("at the right, in 16:9", [120, 10, 10, 25]),
        ("at the bottom, upright", [10, 120, 10, 10]),
        ("a fifth of the side", [200, 150, 200, 250]),
    ] {
        add(cases, GROUP, format!("{name}, negative"), move |t, _| {
            png(negative(&padded(&large(t, 224, Triangle), room, 0)))
        });
    }
    for note in [6, 8] {
        add(
            cases,
            GROUP,
            format!("EXIF note {note}, negative, padded"),
            move |t, _| {
                turned(
                    negative(&padded(&large(t, 224, Triangle), [40, 10, 10, 20], 0)),
                    note,
                )
            },
        );
    }
    add(cases, GROUP, "EXIF notes 1 to 8 in turn", |t, i| {
        let note = (i % 8) as u8 + 1;
        turned(negative(&large(t, 224, Triangle)), note)
    });
}

fn compressed(cases: &mut Vec<Case>) {
    const GROUP: &str = "compressed again";
    for quality in [95, 75, 50, 30] {
        for (name, room) in [
            ("224x224", [0; 4]),
            ("224x224 and 25 % on each side", [25; 4]),
        ] {
            add(
                cases,
                GROUP,
                format!("{name}, negative, JPEG, quality {quality}"),
                move |t, _| {
                    jpeg(
                        negative(&padded(&large(t, 224, Triangle), room, 0)),
                        quality,
                    )
                },
            );
        }
        add(
            cases,
            GROUP,
            format!("84x84, JPEG, quality {quality}"),
            move |t, _| jpeg(large(t, 84, Triangle), quality),
        );
    }
}

fn printed(cases: &mut Vec<Case>) {
    const GROUP: &str = "printed on a ground";
    let rows: [(&str, Colour, Colour); 11] = [
        ("black on light grey", BLACK, [0.8; 3]),
        ("black on grey", BLACK, [0.5; 3]),
        ("white on grey", WHITE, [0.5; 3]),
        ("white on dark grey", WHITE, [0.2; 3]),
        ("grey on white", [0.6; 3], WHITE),
        ("light grey on white", [0.85; 3], WHITE),
        ("red on white", RED, WHITE),
        ("yellow on white", YELLOW, WHITE),
        ("navy on cream", NAVY, CREAM),
        ("white on blue", WHITE, BLUE),
        (
            "red on green of equal brightness",
            [0.95, 0.25, 0.2],
            [0.25, 0.5, 0.3],
        ),
    ];
    for (name, ink, ground) in rows {
        add(cases, GROUP, name, move |t, _| {
            png(eight_bit(photo(t).printed(ink, plain(ground))))
        });
    }
}

fn laid(cases: &mut Vec<Case>) {
    const GROUP: &str = "cut out and laid on a ground";
    let grey = [0.5; 3];
    let rows: [(&str, Colour, Colour); 9] = [
        ("grey on white", grey, WHITE),
        ("red on white", RED, WHITE),
        ("grey on light grey", grey, [0.8; 3]),
        ("grey on grey", grey, grey),
        ("grey on dark grey", grey, [0.2; 3]),
        ("grey on cream", grey, CREAM),
        ("red on green", RED, GREEN),
        ("yellow on blue", YELLOW, BLUE),
        ("navy on wood-brown", NAVY, WOOD),
    ];
    for (name, tint, ground) in rows {
        add(cases, GROUP, name, move |t, _| {
            png(eight_bit(photo(t).laid(tint, plain(ground))))
        });
    }
}

fn transparent(cases: &mut Vec<Case>) {
    const GROUP: &str = "transparent";
    add(cases, GROUP, "28x28, black ink", |t, _| {
        png(RgbaImage::from_fn(28, 28, |x, y| {
            Rgba([0, 0, 0, t.get_pixel(x, y).0[0]])
        }))
    });
    add(cases, GROUP, "black ink", |t, _| {
        let light = photo(t).light;
        png(RgbaImage::from_fn(light.width(), light.height(), |x, y| {
            Rgba([0, 0, 0, light.get_pixel(x, y).0[0]])
        }))
    });
    add(cases, GROUP, "white ink, grey and alpha", |t, _| {
        let light = photo(t).light;
        let ink = |x, y| LumaA([255, light.get_pixel(x, y).0[0]]);
        let (width, height) = light.dimensions();
        png(DynamicImage::ImageLumaA8(image::ImageBuffer::from_fn(
            width, height, ink,
        )))
    });
    add(cases, GROUP, "garment cut out, grey", |t, _| {
        png(photo(t).alone([0.5; 3]))
    });
    add(cases, GROUP, "garment cut out, red", |t, _| {
        png(photo(t).alone(RED))
    });
}

fn badly_lit(cases: &mut Vec<Case>) {
    const GROUP: &str = "light and grain";
    for percent in [2, 5, 10] {
        add(
            cases,
            GROUP,
            format!("on white, grain of {percent} %"),
            move |t, i| {
                let picture = photo(t).laid([0.5; 3], plain(WHITE));
                png(eight_bit(grain(picture, percent as f32 / 100.0, i)))
            },
        );
    }
    add(cases, GROUP, "on black, grain of 5 %", |t, i| {
        png(eight_bit(grain(
            photo(t).printed(WHITE, plain(BLACK)),
            0.05,
            i,
        )))
    });
    for (from, to) in [(1.0, 0.9), (1.0, 0.7), (0.9, 0.5)] {
        add(
            cases,
            GROUP,
            format!("ground from {from} to {to} of white"),
            move |t, _| {
                png(eight_bit(
                    photo(t).laid([0.5; 3], gradient([from; 3], [to; 3])),
                ))
            },
        );
    }
    for percent in [10, 30, 50] {
        add(
            cases,
            GROUP,
            format!("corners {percent} % darker"),
            move |t, _| {
                let picture = photo(t).laid([0.5; 3], plain([0.95; 3]));
                png(eight_bit(vignette(picture, percent as f32 / 100.0)))
            },
        );
    }
    for percent in [10, 20, 40] {
        add(
            cases,
            GROUP,
            format!("soft shadow of {percent} %"),
            move |t, _| {
                let garment = photo(t);
                let picture = garment.laid([0.5; 3], plain([0.95; 3]));
                png(eight_bit(shaded(picture, &garment, percent as f32 / 100.0)))
            },
        );
    }
    for (name, waves, strength) in [
        ("cloth, 2 %", 40.0, 0.02),
        ("cloth, 8 %", 40.0, 0.08),
        ("wood, 8 %", 6.0, 0.08),
    ] {
        add(cases, GROUP, format!("on {name}"), move |t, _| {
            png(eight_bit(photo(t).laid(
                [0.5; 3],
                texture([0.85, 0.8, 0.75], waves, strength),
            )))
        });
    }
}

fn together(cases: &mut Vec<Case>) {
    const GROUP: &str = "all at once";
    let shop = |t: &GrayImage, tint| {
        let garment = Garment::new(t)
            .enlarged(448, Lanczos3)
            .placed([30, 12, 22, 12]);
        shaded(garment.laid(tint, plain([0.97; 3])), &garment, 0.1)
    };
    add(
        cases,
        GROUP,
        "a shop's picture: red, near white, faint shadow, JPEG 85",
        move |t, _| jpeg(eight_bit(shop(t, RED)), 85),
    );
    let phone = |t: &GrayImage, i: usize, tint, ground: Colour| {
        let garment = Garment::new(t)
            .enlarged(400, Triangle)
            .placed([40, 60, 55, 35]);
        let dimmed = ground.map(|c| c * 0.85);
        let picture = garment.laid(tint, gradient(ground, dimmed));
        let picture = shaded(vignette(picture, 0.15), &garment, 0.1);
        eight_bit(grain(picture, 0.02, i))
    };
    add(
        cases,
        GROUP,
        "a phone's: navy on a bed sheet, uneven light, grain, turned",
        move |t, i| turned(phone(t, i, NAVY, CREAM), 6),
    );
    add(
        cases,
        GROUP,
        "a phone's: green on a wooden table, JPEG 75",
        move |t, i| jpeg(phone(t, i, GREEN, WOOD), 75),
    );
    for case in cases.iter_mut().filter(|case| case.group == GROUP) {
        case.cost = 4;
    }
}
