//! Every kind of request, and its answer against the library's: the same bits.

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use model::Classifier;
use pictures::Preparation;
use serde_json::{Value, json};
use serve::Limits;

use crate::client::{Connection, get, post};
use crate::{RECORDS, record, start};

/// Returns a photograph of something: a dark box with a light corner on a light ground that gets darker.
pub fn photograph(width: u32, height: u32) -> DynamicImage {
    let (left, top) = (width / 5, height / 4);
    let colour = |x: u32, y: u32| {
        let ground = 220 + (x * 30 / width) as u8;
        let inside = (left..left * 4).contains(&x) && (top..top * 3).contains(&y);
        match (inside, x < 2 * left && y < 2 * top) {
            (true, true) => Rgb([150, 120, (y % 200) as u8]),
            (true, false) => Rgb([40, (x * 7 % 90) as u8, 60]),
            _ => Rgb([ground, ground, 225]),
        }
    };
    RgbImage::from_fn(width, height, colour).into()
}

pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn pixels(images: usize) -> Vec<u8> {
    (0..images * 48)
        .map(|i| (i * 7919 % 1009 % 256) as u8)
        .collect()
}

/// Returns what the service must say of an image: all numbers through JSON as the library gives them.
fn expected(name: &str, pixels: &[u8]) -> Value {
    let classifier = Classifier::new(record(name)).unwrap();
    let metadata = classifier.metadata();
    let probabilities = classifier.predict(pixels).unwrap();
    let (best, probability) = model::calibration::top(&probabilities);
    let unknown = metadata.unknown.as_ref();
    let strangeness = unknown.map(|unknown| unknown.strangeness(pixels));
    let is_unknown = unknown.map(|unknown| unknown.is_beyond(strangeness.unwrap()));
    json!({
        "name": null,
        "label": metadata.class_names[best],
        "probability": probability,
        "unknown": is_unknown,
        "strangeness": strangeness,
        "probabilities": probabilities,
        "done": [],
        "hint": null,
    })
}

/// Numbers as the 32-bit floats that they are.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap() as f32),
        Value::Array(values) => values.iter().map(rounded).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), rounded(v))).collect(),
        other => other.clone(),
    }
}

#[test]
fn pixels_as_bytes_and_as_json() {
    let server = start(Limits::default(), Vec::new());
    for name in RECORDS {
        let path = format!("/v1/predict?model={name}");
        for images in [1, 2, 70, 1000] {
            let pixels = pixels(images);
            let each: Vec<Value> = pixels
                .chunks(48)
                .map(|image| expected(name, image))
                .collect();
            let raw = post(server.address(), &path, "application/octet-stream", &pixels).json();
            assert_eq!(
                rounded(&raw["predictions"]),
                rounded(&json!(each)),
                "{name} {images}"
            );
            let rows: Vec<&[u8]> = pixels.chunks(8).collect();
            for list in [json!(pixels), json!(rows)] {
                let body = json!({ "pixels": list }).to_string();
                let read = post(server.address(), &path, "application/json", body.as_bytes());
                assert_eq!(read.json(), raw);
            }
        }
    }
}

#[test]
fn the_calibrated_network_is_asked_by_default_and_says_what_is_unknown() {
    let server = start(Limits::default(), Vec::new());
    let body = pixels(1);
    let answer = post(
        server.address(),
        "/v1/predict",
        "application/octet-stream",
        &body,
    )
    .json();
    assert_eq!(answer["model"], "v2-softmax");
    assert_eq!(answer["calibrated"], true);
    assert!(answer["threshold"].as_f64().unwrap() > 0.0);
    assert_eq!(
        answer["classes"],
        json!(record("v2-softmax").metadata.class_names)
    );
    assert_eq!(
        answer["predictions"][0]["unknown"], true,
        "noise is no garment"
    );
}

#[test]
fn pictures_of_every_format_one_by_one_and_together() {
    let server = start(Limits::default(), Vec::new());
    let formats = [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::WebP, "image/webp"),
        (ImageFormat::Gif, "image/gif"),
    ];
    let (mut together, mut all) = (Vec::new(), Vec::new());
    for (format, content_type) in formats {
        // As large as the network's input, a little larger, and a photograph that another thread decodes.
        for (width, height) in [(8, 6), (40, 30), (600, 450)] {
            let file = encoded(&photograph(width, height), format);
            let size = [1, 6, 8];
            let prepared = pictures::from_bytes_as(
                file.clone(),
                Path::new("x"),
                size,
                &Preparation::default(),
            )
            .unwrap();
            let mut expect = expected("v2-softmax", &prepared.pixels);
            expect["done"] = json!(prepared.done);
            expect["hint"] = json!(prepared.hint);
            let answer = post(server.address(), "/v1/predict", content_type, &file).json();
            assert_eq!(rounded(&answer["predictions"]), rounded(&json!([expect])));
            let name = format!("{width} {content_type}");
            together.extend(format!(
                "--XX\r\nContent-Disposition: form-data; name=\"p\"; filename=\"{name}\"\r\n\r\n"
            ).bytes());
            together.extend(file);
            together.extend(b"\r\n");
            expect["name"] = json!(name);
            all.push(expect);
        }
    }
    together.extend(b"--XX--\r\n");
    let multipart = "multipart/form-data; boundary=XX";
    let answer = post(server.address(), "/v1/predict", multipart, &together).json();
    assert_eq!(rounded(&answer["predictions"]), rounded(&json!(all)));
}

#[test]
fn a_connection_is_kept_for_many_requests() {
    let server = start(Limits::default(), Vec::new());
    let mut connection = Connection::new(server.address());
    for _ in 0..100 {
        let head = "Content-Type: application/octet-stream\r\n";
        let answer = connection.request("POST", "/v1/predict", head, &pixels(1));
        assert_eq!(answer.status, 200);
        assert_eq!(connection.request("GET", "/healthz", "", b"").body, b"ok\n");
    }
}

#[test]
fn a_model_is_described_and_an_unknown_one_is_not_found() {
    let server = start(Limits::default(), Vec::new());
    let about = get(server.address(), "/v1/model?model=v2-plain").json();
    assert_eq!(about["name"], "v2-plain");
    assert_eq!(about["served"], json!(RECORDS));
    assert_eq!(about["input"], json!([1, 6, 8]));
    assert_eq!(about["classes"].as_array().unwrap().len(), 3);
    for path in ["/v1/model?model=other", "/v2/models/other"] {
        let problem = get(server.address(), path).problem(404);
        assert!(
            problem["detail"].as_str().unwrap().contains("\"other\""),
            "{problem}"
        );
        assert!(
            problem["hint"]
                .as_str()
                .unwrap()
                .contains("v2-softmax, v2-plain")
        );
    }
}

#[test]
fn the_document_names_every_route_and_the_metrics_count() {
    let server = start(Limits::default(), Vec::new());
    let document = get(server.address(), "/openapi.json").json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/v1/predict",
        "/v1/model",
        "/healthz",
        "/metrics",
        "/v2/models/{name}/infer",
    ] {
        assert!(
            paths.iter().any(|known| *known == path),
            "{path} in {paths:?}"
        );
    }
    post(
        server.address(),
        "/v1/predict",
        "application/octet-stream",
        &pixels(3),
    );
    post(
        server.address(),
        "/v1/predict",
        "application/octet-stream",
        b"12",
    );
    let metrics = get(server.address(), "/metrics");
    let text = String::from_utf8(metrics.body).unwrap();
    for line in [
        "trainer_serve_requests_total{route=\"/v1/predict\",status=\"200\"} 1\n",
        "trainer_serve_requests_total{route=\"/v1/predict\",status=\"422\"} 1\n",
        "trainer_serve_pictures_total{model=\"v2-softmax\"} 3\n",
        "trainer_serve_request_seconds_count{route=\"/v1/predict\"} 2\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
