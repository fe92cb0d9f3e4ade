//! What is served: networks under their names, and the files of a page.

use std::collections::HashSet;

use axum::http::HeaderValue;
use model::{Classifier, Record};
use pictures::Preparation;

use crate::ServeError;
use crate::pages::{Page, Pages};

/// What a service serves. It is loaded as a whole, at the start and again on request.
#[derive(Debug, Default)]
pub struct Content {
    /// The networks; the first one answers requests that name none.
    pub models: Vec<NamedRecord>,
    /// The files of a page: `index.html` is served at `/`, each at `/site/PATH`.
    pub site: Vec<StaticFile>,
}

/// A record and the name it is served under.
#[derive(Debug)]
pub struct NamedRecord {
    /// 1 to 128 characters, without `/` and control characters.
    pub name: String,
    /// The network with its metadata.
    pub record: Record,
}

/// A file held in memory.
#[derive(Debug, Clone)]
pub struct StaticFile {
    /// Path below the site's folder: `index.html`, `scripts/draw.js`.
    pub path: String,
    /// Its media type, such as `text/html; charset=utf-8`.
    pub content_type: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Media types by the ending of a file's name.
const TYPES: [(&str, &str); 10] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("txt", "text/plain; charset=utf-8"),
];

impl StaticFile {
    /// Returns a file whose media type follows from the ending of its `path`; `application/octet-stream` for an
    /// ending that is not known.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let path = path.into();
        let ending = path.rsplit('.').next();
        let known = TYPES.iter().find(|(of, _)| Some(*of) == ending);
        Self {
            content_type: known
                .map_or("application/octet-stream", |(_, is)| is)
                .into(),
            path,
            bytes: bytes.into(),
        }
    }
}

/// A network that answers.
#[derive(Debug)]
pub(crate) struct Model {
    pub name: String,
    pub classifier: Classifier,
    pub preparation: Preparation,
    /// Multiply-adds of one image.
    pub operations: usize,
}

impl Model {
    fn new(NamedRecord { name, record }: NamedRecord) -> Result<Self, ServeError> {
        let is_bad = |c: char| c == '/' || c.is_control();
        if name.is_empty() || name.chars().count() > 128 || name.contains(is_bad) {
            return Err(ServeError::Name(name));
        }
        let unusable = |error: String| ServeError::Record {
            name: name.clone(),
            error,
        };
        let layers = record.metadata.architecture.summary();
        let operations = layers.iter().map(|layer| layer.multiply_adds).sum();
        let preparation = Preparation::of_record(record.metadata.preparation.clone())
            .map_err(|error| unusable(format!("its preparation of pictures: {error}")))?;
        // One thread: requests are answered side by side.
        let classifier = Classifier::new(record).map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            name,
            classifier: classifier.with_threads(1),
            preparation,
            operations,
        })
    }
}

/// Content that is ready to be served.
#[derive(Debug)]
pub(crate) struct Served {
    /// At least one.
    pub models: Vec<Model>,
    pub pages: Pages,
}

impl Served {
    /// Returns the content, checked.
    ///
    /// # Errors
    /// When there is no network, two have one name, or a record or a file cannot be used.
    pub fn new(content: Content) -> Result<Self, ServeError> {
        let models: Vec<Model> = content
            .models
            .into_iter()
            .map(Model::new)
            .collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        if let Some(twice) = models.iter().find(|model| !names.insert(&model.name)) {
            return Err(ServeError::SameName(twice.name.clone()));
        }
        if models.is_empty() {
            return Err(ServeError::NoModel);
        }
        let pages = content.site.into_iter().map(|file| {
            let content_type = HeaderValue::from_str(&file.content_type)
                .map_err(|_| ServeError::File(file.path.clone()))?;
            Ok((file.path, Page::new(content_type, file.bytes)))
        });
        Ok(Self {
            models,
            pages: pages.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the network of that name, or the first one if none is named.
    pub fn model(&self, name: Option<&str>) -> Option<&Model> {
        match name {
            Some(name) => self.models.iter().find(|model| model.name == name),
            None => self.models.first(),
        }
    }

    /// Returns the names of the networks.
    pub fn names(&self) -> Vec<&str> {
        self.models.iter().map(|model| &*model.name).collect()
    }
}
