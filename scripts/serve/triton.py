"""The Open Inference Protocol's real client (`tritonclient`) against a running service.

triton.py URL MODEL [--pictures N]

Asks for the same pictures as binary data (the client's default), as JSON, and through /v1/predict: all three answers
must have the same bits.
"""

import argparse
import json
import urllib.request

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def main():
    args = arguments()
    client = triton.InferenceServerClient(args.url.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(args.model)
    assert not client.is_model_ready("no-such-model")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata(args.model)
    assert about["versions"] == ["1"] and about["inputs"][0]["datatype"] == "UINT8", about
    shape = [args.pictures] + about["inputs"][0]["shape"][1:]
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype="u1")

    binary = client.infer(args.model, [tensor(pixels, True)])
    asked = [triton.InferRequestedOutput(o["name"], binary_data=False) for o in about["outputs"]]
    text = client.infer(args.model, [tensor(pixels, False)], outputs=asked)
    ours = predictions(args.url, args.model, pixels)

    probabilities = np.array([p["probabilities"] for p in ours], "f4")
    for answer in (binary, text):
        assert (answer.as_numpy("probabilities") == probabilities).all()
        labels = [np.bytes_(label).decode() for label in answer.as_numpy("label")]
        assert labels == [p["label"] for p in ours]
        for name in {o["name"] for o in about["outputs"]} - {"probabilities", "label"}:
            assert (answer.as_numpy(name) == np.array([p[name] for p in ours], answer.as_numpy(name).dtype)).all()
    refused(client, args.model, shape)
    print(f"tritonclient: {args.pictures} pictures, the same bits as binary data, as JSON and through /v1/predict")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--pictures", type=int, default=70)
    return parser.parse_args()


def tensor(pixels, is_binary):
    given = triton.InferInput("pixels", list(pixels.shape), "UINT8")
    given.set_data_from_numpy(pixels, binary_data=is_binary)
    return given


def predictions(url, model, pixels):
    about = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{url}/v1/predict?model={model}", pixels.tobytes(), about)
    return json.load(urllib.request.urlopen(request))["predictions"]


def refused(client, model, shape):
    """A wrong input is an error whose text the client shows."""
    floats = triton.InferInput("pixels", shape, "FP32")
    floats.set_data_from_numpy(np.zeros(shape, "f4"))
    try:
        client.infer(model, [floats])
    except InferenceServerException as error:
        assert "UINT8" in str(error), error
    else:
        raise AssertionError("FP32 was taken")


if __name__ == "__main__":
    main()
