//! Files that are not read here, known by their first bytes, with the way out of each.

/// What a file is, and what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The name of the format.
    pub name: &'static str,
    /// How to make a picture of it that is read.
    pub way: &'static str,
}

const HEIC: Foreign = Foreign {
    name: "HEIC, the format of an iPhone",
    way: "share it as JPEG (on the iPhone: Settings, Camera, Formats, Most Compatible), or open it in a \
          picture program and save it as JPEG",
};
const AVIF: Foreign = Foreign {
    name: "AVIF",
    way: "open it in a browser or a picture program and save it as PNG or JPEG",
};
const JPEG_XL: Foreign = Foreign {
    name: "JPEG XL",
    way: "open it in an image editor and save it as PNG or JPEG",
};
const PDF: Foreign = Foreign {
    name: "a PDF",
    way: "save the picture in it as PNG or JPEG, or take a screenshot",
};
const WEB_PAGE: Foreign = Foreign {
    name: "a web page, not a picture",
    way: "the address that it came from is that of a page, or is gone: save the picture itself",
};
const SVG: Foreign = Foreign {
    name: "SVG, a drawing in words",
    way: "open it in a browser or a drawing program and save it as PNG",
};

/// Brands of files like MP4 that hold pictures (ISO/IEC 23008-12, AV1 Image File Format).
const HEIC_BRANDS: [&[u8; 4]; 8] = [
    b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1",
];
const AVIF_BRANDS: [&[u8; 4]; 2] = [b"avif", b"avis"];

/// Returns what `bytes` begin like, if that is a format that is known and not read.
pub(crate) fn recognise(bytes: &[u8]) -> Option<Foreign> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return of_brands(bytes);
    }
    if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL ") {
        return Some(JPEG_XL);
    }
    let text = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let text = text.trim_ascii_start().to_ascii_lowercase();
    let starts = |word: &str| text.starts_with(word.as_bytes());
    let has = |word: &str| text.windows(word.len()).any(|part| part == word.as_bytes());
    if starts("%pdf-") {
        Some(PDF)
    } else if starts("<svg") || starts("<?xml") && has("<svg") {
        Some(SVG)
    } else if starts("<!doctype html") || starts("<html") {
        Some(WEB_PAGE)
    } else {
        None
    }
}

/// Returns which of the two a file of boxes is. Its first brand may be the general one, `mif1`; then the
/// compatible brands behind tell.
fn of_brands(bytes: &[u8]) -> Option<Foreign> {
    let size = bytes
        .first_chunk()
        .map_or(0, |four| u32::from_be_bytes(*four));
    let brands = bytes
        .get(8..bytes.len().min(size as usize))
        .unwrap_or_default();
    let has = |known: &[&[u8; 4]]| {
        let mut brands = brands.chunks_exact(4);
        brands.any(|brand| known.iter().any(|known| known[..] == *brand))
    };
    if has(&AVIF_BRANDS) {
        return Some(AVIF);
    }
    has(&HEIC_BRANDS).then_some(HEIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for (bytes, expect) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic...."[..], Some(HEIC)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic....", Some(HEIC)),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf....", Some(AVIF)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif....", Some(AVIF)),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp41....", None),
            (b"\0\0\0\x08ftypheic", None),
            (b"\xff\x0a\xfa\x7f", Some(JPEG_XL)),
            (b"%PDF-1.7\n", Some(PDF)),
            (b"\n <!DOCTYPE html>\n<html>", Some(WEB_PAGE)),
            (b"<?xml version='1.0'?><svg xmlns=''>", Some(SVG)),
            (b"<?xml version='1.0'?><note/>", None),
            (b"", None),
        ] {
            assert_eq!(recognise(bytes), expect, "{}", bytes.escape_ascii());
        }
    }
}
