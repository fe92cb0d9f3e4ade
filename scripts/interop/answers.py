"""The predictions of other programs from our files: python answers.py FILE DATA_FOLDER OUT

Reads FILE with the package of its format (an .onnx file is checked and run), and writes the probabilities
of the test images to OUT: 32-bit floats, [images, classes]. Nothing of this repository's Rust is used.
"""

import io
import json
import sys
import zipfile

import numpy as np

from common import about, forward, numbered, test_images


def onnx_answers(file, pixels):
    import onnx
    import onnxruntime

    onnx.checker.check_model(file, full_check=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    pixels = pixels.astype(np.float32) / np.float32(said["pixel_divisor"])
    [answers] = session.run(["probabilities"], {"pixels": pixels})
    about('{"class_names": %s, "pixel_divisor": %s}' % (said["class_names"], said["pixel_divisor"]))
    return answers


def npz_answers(file, pixels):
    arrays = np.load(file, allow_pickle=False)
    said = about(arrays["metadata"].item())
    return forward(numbered({n: a for n, a in arrays.items() if n != "metadata"}), pixels, said)


def keras_answers(file, pixels):
    """Of a `.keras` without Keras: its description must be the one that the layers here have."""
    import h5py

    with zipfile.ZipFile(file) as archive:
        said = about(json.dumps(json.loads(archive.read("metadata.json"))["classifier"]))
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    dense = [layer["config"] for layer in layers if layer["class_name"] == "Dense"]
    assert {layer["activation"] for layer in dense[:-1]} <= {said["activation"]}, dense
    assert [layer["class_name"] for layer in layers[:2]] == ["InputLayer", "Flatten"], layers
    arrays = [weights[f"layers/{layer['name']}/vars"] for layer in dense]
    return forward([(group["0"][()], group["1"][()]) for group in arrays], pixels, said)


def safetensors_answers(file, pixels):
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        said = about(opened.metadata()["classifier"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}
    for name in [name for name in tensors if name.endswith("_scale")]:
        weight = name.removesuffix("_scale")
        assert tensors[weight].dtype == np.int8, weight
        tensors[weight] = tensors[weight].astype(np.float32) * tensors.pop(name)
    return forward(numbered(tensors), pixels, said)


if __name__ == "__main__":
    file, folder, out = sys.argv[1:]
    read = {"onnx": onnx_answers, "npz": npz_answers, "keras": keras_answers,
            "safetensors": safetensors_answers}
    answers = read[file.rsplit(".", 1)[1]](file, test_images(folder))
    np.asarray(answers, "<f4").tofile(out)
