"""Shared by the scripts: the images, and a network of dense layers in plain NumPy."""

import gzip
import json
from pathlib import Path

import numpy as np


def read_idx(path):
    """A file of unsigned bytes, plain or gzip."""
    path = Path(path)
    raw = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def test_images(folder):
    """The test images as bytes, [images, height, width]."""
    return read_idx(Path(folder) / "t10k-images-idx3-ubyte")


def training_images(folder):
    """The training images, bytes, and their labels."""
    return (read_idx(Path(folder) / "train-images-idx3-ubyte"),
            read_idx(Path(folder) / "train-labels-idx1-ubyte"))


def about(text):
    """The metadata in one of our files, with its constants checked."""
    said = json.loads(text)
    assert len(said["class_names"]) > 1 and said["pixel_divisor"] == 255, said
    return said


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forward(layers, pixels, said):
    """The probabilities of `layers`, pairs of weight [in, out] and bias, according to a file's metadata."""
    activation = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh,
                  "sigmoid": lambda x: 1 / (1 + np.exp(-x))}[said["activation"]]
    x = pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(said["pixel_divisor"])
    for i, (weight, bias) in enumerate(layers):
        x = (activation(x) if i else x) @ weight + bias
    if said["output"] == "softmax":
        return softmax(x)
    neurons = 1 / (1 + np.exp(-x.astype(np.float64)))
    return (neurons / neurons.sum(axis=1, keepdims=True)).astype(np.float32)


def numbered(tensors):
    """The layers of `layers.0.weight`, `layers.0.bias`, ... in order."""
    count = sum(name.endswith(".bias") for name in tensors)
    return [(np.float32(tensors[f"layers.{i}.weight"]), np.float32(tensors[f"layers.{i}.bias"]))
            for i in range(count)]
