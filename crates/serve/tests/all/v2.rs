//! The Open Inference Protocol, byte for byte; `scripts/serve/triton` runs its real client.

use model::Classifier;
use serde_json::{Value, json};
use serve::Limits;

use crate::client::{Connection, get, post};
use crate::{record, start};

const INFER: &str = "/v2/models/v2-softmax/infer";

fn pixels(images: usize) -> Vec<u8> {
    (0..images * 48)
        .map(|i| (i * 7919 % 1009 % 256) as u8)
        .collect()
}

#[test]
fn health_and_metadata() {
    let server = start(Limits::default(), Vec::new());
    let ask = |path: &str| get(server.address(), path).json();
    assert_eq!(ask("/v2")["extensions"], json!(["binary_tensor_data"]));
    assert_eq!(ask("/v2/health/live"), json!({ "live": true }));
    assert_eq!(ask("/v2/health/ready"), json!({ "ready": true }));
    assert_eq!(
        ask("/v2/models/v2-plain/ready"),
        json!({ "name": "v2-plain", "ready": true })
    );
    let about = ask("/v2/models/v2-softmax");
    assert_eq!(
        about["inputs"],
        json!([{ "name": "pixels", "datatype": "UINT8", "shape": [-1, 1, 6, 8] }])
    );
    let outputs: Vec<&Value> = about["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| &o["name"])
        .collect();
    assert_eq!(
        outputs,
        ["probabilities", "label", "strangeness", "unknown"]
    );
    let plain = ask("/v2/models/v2-plain");
    assert_eq!(
        plain["outputs"].as_array().unwrap().len(),
        2,
        "it has no threshold"
    );
}

#[test]
fn tensors_in_json() {
    let server = start(Limits::default(), Vec::new());
    let pixels = pixels(3);
    let rows: Vec<&[u8]> = pixels.chunks(8).collect();
    let classifier = Classifier::new(record("v2-softmax")).unwrap();
    let expect = classifier.predict(&pixels).unwrap();
    for data in [json!(pixels), json!(rows)] {
        let body = json!({ "id": "7", "inputs": [
            { "name": "pixels", "datatype": "UINT8", "shape": [3, 1, 6, 8], "data": data }
        ]});
        let answer = post(
            server.address(),
            INFER,
            "application/json",
            body.to_string().as_bytes(),
        );
        let answer = answer.json();
        assert_eq!(
            (&answer["id"], &answer["model_name"]),
            (&json!("7"), &json!("v2-softmax"))
        );
        let of = |name: &str| {
            let outputs = answer["outputs"].as_array().unwrap();
            outputs
                .iter()
                .find(|output| output["name"] == name)
                .unwrap()
        };
        assert_eq!(of("probabilities")["shape"], json!([3, 3]));
        let found = of("probabilities")["data"].as_array().unwrap();
        let found: Vec<f32> = found.iter().map(|p| p.as_f64().unwrap() as f32).collect();
        assert_eq!(found, expect);
        assert_eq!(of("unknown")["data"], json!([true, true, true]));
        assert_eq!(of("strangeness")["datatype"], "FP32");
    }
}

#[test]
fn tensors_as_binary_data() {
    let server = start(Limits::default(), Vec::new());
    let pixels = pixels(2);
    let json = json!({ "inputs": [{
        "name": "pixels", "datatype": "UINT8", "shape": [2, 1, 6, 8],
        "parameters": { "binary_data_size": pixels.len() },
    }], "outputs": [
        { "name": "label", "parameters": { "binary_data": true } },
        { "name": "probabilities", "parameters": { "binary_data": true } },
        { "name": "unknown", "parameters": { "binary_data": true } },
    ]})
    .to_string();
    let head = format!("Inference-Header-Content-Length: {}\r\n", json.len());
    let body = [json.as_bytes(), &pixels].concat();
    let answer = Connection::new(server.address()).request("POST", INFER, &head, &body);
    assert_eq!(answer.status, 200);
    let length: usize = answer
        .header("inference-header-content-length")
        .unwrap()
        .parse()
        .unwrap();
    let (head, binary) = answer.body.split_at(length);
    let head: Value = serde_json::from_slice(head).unwrap();
    let classifier = Classifier::new(record("v2-softmax")).unwrap();
    let mut expect = Vec::new();
    for answer in classifier.answers(&pixels).unwrap() {
        let label = &classifier.metadata().class_names[answer.top[0].0];
        expect.extend((label.len() as u32).to_le_bytes());
        expect.extend(label.bytes());
    }
    assert_eq!(
        head["outputs"][0]["parameters"]["binary_data_size"],
        expect.len()
    );
    let probabilities = classifier.predict(&pixels).unwrap();
    expect.extend(probabilities.iter().flat_map(|p| p.to_le_bytes()));
    expect.extend([1, 1]);
    assert_eq!(binary, expect);
}

#[test]
fn wrong_requests_are_problems_that_its_clients_read() {
    let server = start(Limits::default(), Vec::new());
    let input = |change: Value| {
        let mut input =
            json!({ "name": "pixels", "datatype": "UINT8", "shape": [1, 48], "data": vec![0; 48] });
        let (all, change) = (input.as_object_mut().unwrap(), change.as_object().unwrap());
        all.extend(change.clone());
        json!({ "inputs": [input] })
    };
    for (body, status, expect) in [
        (json!({}), 400, "inputs"),
        (json!({ "inputs": [] }), 400, "0 inputs are given"),
        (input(json!({ "name": "x" })), 400, "no input \"x\""),
        (input(json!({ "datatype": "FP32" })), 400, "send UINT8"),
        (
            input(json!({ "shape": [2, 48] })),
            400,
            "do not have the shape [2, 48]",
        ),
        (
            input(json!({ "shape": [u64::MAX, u64::MAX] })),
            400,
            "shape",
        ),
        (
            input(json!({ "shape": [47], "data": vec![0; 47] })),
            422,
            "an image has 48 pixels",
        ),
        (
            input(json!({ "parameters": { "binary_data_size": 48 } })),
            400,
            "either data or",
        ),
        (
            json!({ "inputs": [], "outputs": [{ "name": "x" }] }),
            400,
            "no output \"x\"",
        ),
    ] {
        let answer = post(
            server.address(),
            INFER,
            "application/json",
            body.to_string().as_bytes(),
        );
        let problem = answer.problem(status);
        assert!(
            problem["error"].as_str().unwrap().contains(expect),
            "{problem} {expect}"
        );
    }
    let mut connection = Connection::new(server.address());
    for length in ["x", "-1", "100", "18446744073709551616"] {
        let head = format!("Inference-Header-Content-Length: {length}\r\n");
        connection.request("POST", INFER, &head, b"{}").problem(400);
    }
}
