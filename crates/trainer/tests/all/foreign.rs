//! Pictures that are no garments, 28 x 28, made by rule and the same every time; and how well a score
//! tells them from garments.

/// Side of a picture.
pub const SIDE: usize = 28;

/// A picture: grey bytes `[SIDE * SIDE]`, light on dark.
pub type Picture = Vec<u8>;

/// Returns numbers by chance, the same ones every time (Knuth's MMIX generator).
pub fn numbers(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    }
}

/// Returns pictures whose every pixel is by chance.
pub fn noise(count: usize) -> Vec<Picture> {
    let mut number = numbers(1);
    let mut picture = || (0..SIDE * SIDE).map(|_| number()).collect();
    (0..count).map(|_| picture()).collect()
}

/// Returns noise without sharp edges: blurred, and stretched to the full range again.
pub fn clouds(count: usize) -> Vec<Picture> {
    let blurred = |picture: Picture| (0..4).fold(picture, |picture, _| blur(&picture));
    noise(count)
        .into_iter()
        .map(|p| stretch(&blurred(p)))
        .collect()
}

/// Returns the negatives.
pub fn inverted(pictures: &[Picture]) -> Vec<Picture> {
    let invert = |picture: &Picture| picture.iter().map(|p| 255 - p).collect();
    pictures.iter().map(invert).collect()
}

/// Returns the pictures turned by half a turn.
pub fn upside_down(pictures: &[Picture]) -> Vec<Picture> {
    let turn = |picture: &Picture| picture.iter().rev().copied().collect();
    pictures.iter().map(turn).collect()
}

/// Returns heaps: of each four pictures one that shows them side by side, half as large.
pub fn heaps(pictures: &[Picture]) -> Vec<Picture> {
    let half = SIDE / 2;
    let heap = |four: &[Picture]| {
        let pixel = |at: usize| {
            let (y, x) = (at / SIDE, at % SIDE);
            let from = &four[2 * (y / half) + x / half];
            let (y, x) = (2 * (y % half), 2 * (x % half));
            let square = [[y, x], [y, x + 1], [y + 1, x], [y + 1, x + 1]];
            let sum: u16 = square
                .iter()
                .map(|[y, x]| u16::from(from[y * SIDE + x]))
                .sum();
            (sum / 4) as u8
        };
        (0..SIDE * SIDE).map(pixel).collect()
    };
    pictures.chunks_exact(4).map(heap).collect()
}

/// Returns the pictures turned by a quarter.
pub fn quarter_turned(pictures: &[Picture]) -> Vec<Picture> {
    let turn = |picture: &Picture| {
        let from = |at: usize| (SIDE - 1 - at % SIDE) * SIDE + at / SIDE;
        (0..SIDE * SIDE).map(|at| picture[from(at)]).collect()
    };
    pictures.iter().map(turn).collect()
}

/// Returns pictures whose left half is of one picture and whose right half of the next.
pub fn spliced(pictures: &[Picture]) -> Vec<Picture> {
    let splice = |pair: &[Picture]| {
        let of = |at: usize| {
            if at % SIDE < SIDE / 2 {
                &pair[0]
            } else {
                &pair[1]
            }
        };
        (0..SIDE * SIDE).map(|at| of(at)[at]).collect()
    };
    pictures.windows(2).map(splice).collect()
}

/// Returns stripes of two greys, two to nine pixels wide, upright, across or aslant.
pub fn stripes(count: usize) -> Vec<Picture> {
    let mut number = numbers(3);
    let mut picture = || {
        let (wide, offset) = (2 + usize::from(number() % 8), usize::from(number()));
        let (way, greys) = (number() % 3, [number(), number()]);
        let pixel = |at: usize| {
            let (y, x) = (at / SIDE, at % SIDE);
            let along = [x, y, x + y][usize::from(way)];
            greys[(along + offset) / wide % 2]
        };
        (0..SIDE * SIDE).map(pixel).collect()
    };
    (0..count).map(|_| picture()).collect()
}

/// Returns rings and discs of one grey on black, with soft edges.
pub fn rings(count: usize) -> Vec<Picture> {
    let mut number = numbers(4);
    let mut picture = || {
        let [y, x] = [number(), number()].map(|n| f64::from(8 + n % 13));
        let (outer, grey) = (f64::from(4 + number() % 9), 64 + number() % 192);
        let inner = f64::from(number() % 8);
        let pixel = |at: usize| {
            let off = [(at / SIDE) as f64 - y, (at % SIDE) as f64 - x];
            let distance = off[0].hypot(off[1]);
            if (inner..outer).contains(&distance) {
                grey
            } else {
                0
            }
        };
        blur(&(0..SIDE * SIDE).map(pixel).collect::<Picture>())
    };
    (0..count).map(|_| picture()).collect()
}

/// The digits, five columns of bits to a row.
const FONT: [[u8; 7]; 10] = [
    [
        0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110,
    ],
    [
        0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110,
    ],
    [
        0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111,
    ],
    [
        0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110,
    ],
    [
        0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010,
    ],
    [
        0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110,
    ],
    [
        0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110,
    ],
    [
        0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000,
    ],
    [
        0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110,
    ],
    [
        0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100,
    ],
];

/// Returns digits, three pixels to a dot with soft edges, up to three pixels off the centre; and their
/// labels.
pub fn digits(count: usize) -> (Vec<Picture>, Vec<u8>) {
    let mut number = numbers(2);
    let mut digit = |label: u8| {
        let [top, left] = [3, 6].map(|centred| centred + usize::from(number() % 7) - 3);
        let pixel = |at: usize| {
            let dot = |at: usize, from: usize| at.checked_sub(from).map(|off| off / 3);
            let (row, column) = (dot(at / SIDE, top), dot(at % SIDE, left));
            let bits = row.and_then(|row| FONT[usize::from(label)].get(row));
            match (bits, column) {
                (Some(bits), Some(column @ 0..5)) => 255 * (bits >> (4 - column) & 1),
                _ => 0,
            }
        };
        blur(&(0..SIDE * SIDE).map(pixel).collect::<Picture>())
    };
    let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
    (labels.iter().map(|&label| digit(label)).collect(), labels)
}

/// Returns the probability that a strange picture has a higher score than a known one, ties counting
/// half: the area under the ROC curve. 1 is perfect, 0.5 is chance, below it the score is misleading.
pub fn auroc(known: &[f32], strange: &[f32]) -> f64 {
    let mut known = known.to_vec();
    known.sort_by(f32::total_cmp);
    let below = |score: &f32| {
        let less = known.partition_point(|k| k < score);
        let equal = known.partition_point(|k| k <= score) - less;
        less as f64 + equal as f64 / 2.0
    };
    let total: f64 = strange.iter().map(below).sum();
    total / (known.len() * strange.len()) as f64
}

/// Returns the mean of each pixel and those around it.
fn blur(picture: &[u8]) -> Picture {
    let around = |at: usize| at.saturating_sub(1)..(at + 2).min(SIDE);
    let pixel = |at: usize| {
        let (y, x) = (at / SIDE, at % SIDE);
        let square: Vec<u32> = around(y)
            .flat_map(|y| around(x).map(move |x| y * SIDE + x))
            .map(|at| u32::from(picture[at]))
            .collect();
        (square.iter().sum::<u32>() / square.len() as u32) as u8
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

fn stretch(picture: &[u8]) -> Picture {
    let low = f32::from(picture.iter().copied().min().unwrap_or(0));
    let high = f32::from(picture.iter().copied().max().unwrap_or(0));
    let scale = 255.0 / (high - low).max(1.0);
    picture
        .iter()
        .map(|&p| ((f32::from(p) - low) * scale) as u8)
        .collect()
}
