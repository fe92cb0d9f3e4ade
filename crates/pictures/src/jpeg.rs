//! What a JPEG's segments say before it is decoded: how much memory its decoder will take, and whether the
//! file is whole. A decoder that runs out of data fills the rest with grey, and says nothing.

const FILLER: u8 = 0xff;
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const PROGRESSIVE_FRAME: u8 = 0xc2;

/// What was found in the segments; all zeros and `is_whole` for a file that is no JPEG.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Jpeg {
    /// Bytes of a progressive JPEG's coefficients, all of which its decoder holds until the last scan is
    /// read, uncounted by `image`'s limits.
    pub coefficients: u64,
    /// Whether the end marker is there, behind everything else.
    pub is_whole: bool,
}

/// Walks over the segments, as the decoder does: over bytes between them as well.
pub(crate) fn inspect(bytes: &[u8]) -> Jpeg {
    let mut found = Jpeg {
        coefficients: 0,
        is_whole: true,
    };
    let [0xff, START, rest @ ..] = bytes else {
        return found;
    };
    let mut rest = rest;
    while let [first, behind @ ..] = rest {
        rest = behind;
        let (0xff, [kind, segment @ ..]) = (first, behind) else {
            continue;
        };
        match *kind {
            // Stuffed bytes and restarts of a scan, and the marker that says nothing: none has a length.
            0 | 1 | FILLER | START | 0xd0..=0xd7 => continue,
            END => return found,
            PROGRESSIVE_FRAME if found.coefficients == 0 => {
                found.coefficients = coefficients(segment.get(3..).unwrap_or_default());
            }
            _ => {}
        }
        let length = segment.first_chunk().map(|two| u16::from_be_bytes(*two));
        rest = length
            .and_then(|length| segment.get(usize::from(length)..))
            .unwrap_or_default();
    }
    found.is_whole = false;
    found
}

/// Returns the bytes of the coefficients of a frame's header from the height on: 64 coefficients of 2 bytes
/// for each block of 8 by 8, of which a component has as many as its sampling says (ITU-T T.81, B.2.2).
fn coefficients(header: &[u8]) -> u64 {
    let &[h1, h0, w1, w0, count, ref components @ ..] = header else {
        return 0;
    };
    let sampling = || {
        let components = components.chunks_exact(3).take(usize::from(count));
        components.filter_map(|component| component.get(1).map(|both| (both >> 4, both & 15)))
    };
    let most = |of: fn((u8, u8)) -> u8| u64::from(sampling().map(of).max().unwrap_or(1).max(1));
    let groups = |size: [u8; 2], most: u64| u64::from(u16::from_be_bytes(size)).div_ceil(8 * most);
    let across = groups([w1, w0], most(|(across, _)| across));
    let down = groups([h1, h0], most(|(_, down)| down));
    let blocks = sampling().map(|(across, down)| u64::from(across) * u64::from(down));
    128 * across * down * blocks.sum::<u64>()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The start of a JPEG of 5000 x 4000 pixels in three components, `first` sampled like that; a
    /// segment before its frame, and nothing behind.
    pub fn header(frame: u8, first: u8) -> Vec<u8> {
        of_size(frame, first, [5000, 4000])
    }

    /// The same of another width and height.
    pub fn of_size(frame: u8, first: u8, [width, height]: [u16; 2]) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        let comment = [0xff, 0xff, 0xfe, 0, 6, 0xff, 0xda, 0xff, 0xc2];
        let start = [0xff, frame, 0, 17, 8];
        let components = [3, 1, first, 0, 2, 0x11, 0, 3, 0x11, 0];
        [
            &[0xff, 0xd8],
            &comment[..],
            &start,
            &height,
            &width,
            &components,
        ]
        .concat()
    }

    #[test]
    fn a_progressive_jpegs_coefficients_are_counted() {
        for (frame, first, expect) in [
            (0xc0, 0x11, 0),
            (0xc2, 0x11, 2 * 3 * 5000 * 4000),
            // A colour of each 2 x 2 pixels; 5000 fills no whole number of 16.
            (0xc2, 0x22, 2 * 5008 * 4000 * 3 / 2),
        ] {
            let found = inspect(&header(frame, first)).coefficients;
            assert_eq!(found, expect, "{frame:x}, {first:x}");
        }
    }

    /// An end within a segment (the one of a thumbnail) or behind a stuffed byte is not the picture's.
    #[test]
    fn the_end_of_the_picture_is_its_own() {
        let scan = [0xff, 0xda, 0, 4, 1, 2, 7, 0xff, 0, 0xd9, 0xff, 0xd3, 9];
        let thumbnail = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
        let open = [&thumbnail[..], &scan].concat();
        let closed = [&open[..], &[0xff, 0xd9]].concat();
        let trailed = [&closed[..], b"a note of the camera's"].concat();
        for (bytes, expect) in [(&open, false), (&closed, true), (&trailed, true)] {
            assert_eq!(inspect(bytes).is_whole, expect, "{bytes:x?}");
        }
        for length in 2..closed.len() {
            let cut = closed.get(..length).unwrap_or_default();
            assert!(!inspect(cut).is_whole, "{length}");
        }
    }
}
