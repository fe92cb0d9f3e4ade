//! The body of `POST /v1/predict` → pixels or pictures.

use std::fmt;

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::FutureExt;
use futures_util::stream;
use multer::{Field, Multipart};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::problem::Problem;

/// What a request holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Images as the network takes them: bytes, one after another.
    Pixels(Vec<u8>),
    /// Picture files.
    Pictures(Vec<Picture>),
}

/// A picture file in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What its sender calls it; only ever repeated.
    pub name: Option<String>,
    /// The file.
    pub bytes: Bytes,
}

/// How a body is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `image/*`: one picture file. Its bytes say which format it has.
    Picture,
    /// `multipart/form-data`, with its boundary: picture files.
    Multipart(String),
    /// `application/json`: [`PixelsRequest`].
    Json,
    /// `application/octet-stream`: bytes of pixels.
    Raw,
}

const TYPES: &str = "send a picture as image/png, image/jpeg or image/webp, several as multipart/form-data, pixels as \
    application/json or, as bytes, application/octet-stream";

impl Kind {
    /// Returns the kind of a body with this `Content-Type`.
    ///
    /// # Errors
    /// When there is none, or another one (415), or a multipart without boundary (400).
    pub fn of(content_type: Option<&[u8]>) -> Result<Self, Problem> {
        let unsupported = |text| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).hint(TYPES);
        let text = content_type
            .ok_or_else(|| unsupported("the request has no Content-Type".to_string()))?;
        let text = std::str::from_utf8(text)
            .map_err(|_| unsupported("the Content-Type is not text".to_string()))?;
        let essence = text.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/octet-stream" => Ok(Self::Raw),
            "multipart/form-data" => multer::parse_boundary(text)
                .map(Self::Multipart)
                .map_err(|error| Problem::malformed(format!("multipart: {error}"))),
            other if other.starts_with("image/") => Ok(Self::Picture),
            _ => Err(unsupported(format!("the Content-Type is {essence:?}"))),
        }
    }

    /// Returns what `body` holds, at most `most` pictures of a multipart.
    ///
    /// # Errors
    /// When it is not what its type says (400), or holds no picture (422) or too many (413).
    pub fn read(&self, body: Bytes, most: usize) -> Result<Input, Problem> {
        Ok(match self {
            Self::Picture => Input::Pictures(vec![Picture {
                name: None,
                bytes: body,
            }]),
            Self::Multipart(boundary) => Input::Pictures(pictures(boundary, body, most)?),
            Self::Json => Input::Pixels(json(&body)?),
            Self::Raw => Input::Pixels(body.into()),
        })
    }
}

/// Pixels as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PixelsRequest {
    /// One or more images, light on dark, row by row: whole numbers, 0 to 255. Lists within lists (an image's rows,
    /// several images) are read in their order.
    #[schema(value_type = Vec<u8>)]
    pub pixels: Pixels,
}

/// Numbers 0 to 255, of lists within lists.
#[derive(Debug, Default)]
pub struct Pixels(pub Vec<u8>);

fn json(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let read: Result<PixelsRequest, _> = serde_json::from_slice(body);
    let PixelsRequest { pixels } = read.map_err(|error| {
        Problem::malformed(format!("the JSON cannot be used: {error}"))
            .hint("send {\"pixels\": [0, 12, 255, ...]}, whole numbers of 0 to 255")
    })?;
    Ok(pixels.0)
}

impl<'de> Deserialize<'de> for Pixels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut pixels = Self::default();
        from.deserialize_seq(Into(&mut pixels.0))?;
        Ok(pixels)
    }
}

/// Appends the numbers of a list, or of the lists in it.
struct Into<'a>(&'a mut Vec<u8>);

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of whole numbers, 0 to 255")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Into(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let wrong = |_| E::custom(format!("{number} is no pixel: they are 0 to 255"));
        self.0.push(u8::try_from(number).map_err(wrong)?);
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        if (0.0..=255.0).contains(&number) && number.fract() == 0.0 {
            self.0.push(number as u8);
            return Ok(());
        }
        let text = format!("{number} is no pixel: they are whole numbers, 0 to 255");
        Err(E::custom(text))
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

/// Returns the files of a multipart body; each part is one, whatever its field is called.
fn pictures(boundary: &str, body: Bytes, most: usize) -> Result<Vec<Picture>, Problem> {
    let all = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = Multipart::new(all, boundary);
    let mut pictures = Vec::new();
    // The whole body is there, so nothing is ever waited for.
    while let Some(part) = ready(parts.next_field())? {
        if pictures.len() == most {
            let detail = format!("more than {most} pictures in one request");
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
            return Err(problem.hint("send them in several requests"));
        }
        pictures.push(Picture {
            name: name(&part),
            bytes: ready(part.bytes())?,
        });
    }
    if pictures.is_empty() {
        let detail = "the multipart body has no parts";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        return Err(problem.hint("send each picture as a part: curl -F picture=@FILE"));
    }
    Ok(pictures)
}

fn name(part: &Field) -> Option<String> {
    let name = part.file_name().or_else(|| part.name());
    name.map(|name| name.chars().filter(|c| !c.is_control()).take(256).collect())
}

fn ready<T>(part: impl Future<Output = multer::Result<T>>) -> Result<T, Problem> {
    let malformed = |text: String| Problem::malformed(format!("multipart: {text}"));
    match part.now_or_never() {
        Some(part) => part.map_err(|error| malformed(error.to_string())),
        None => Err(malformed("it is cut off".to_string())),
    }
}
