"""Networks of PyTorch and Keras: trained briefly, saved in every format, and loaded from our files."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import torch

torch.manual_seed(1)
BATCH = 100


def torch_network(hidden, activation):
    """Flatten -> Linear -> activation -> ... -> Linear, which returns logits."""
    kinds = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid,
             "gelu": torch.nn.GELU}
    widths, parts = [784, *hidden, 10], [torch.nn.Flatten()]
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        parts += ([kinds[activation]()] if i else []) + [torch.nn.Linear(inputs, outputs)]
    return torch.nn.Sequential(*parts)


def torch_train(network, images, labels, steps):
    optimizer = torch.optim.Adam(network.parameters())
    x, y = torch.from_numpy(np.float32(images) / 255), torch.from_numpy(np.int64(labels))
    for step in range(steps):
        batch = slice(step * BATCH % len(x), step * BATCH % len(x) + BATCH)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()


def torch_answers(network, pixels):
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(np.float32(pixels) / 255))
        return torch.softmax(logits, 1).numpy()


def torch_save(network, folder, name):
    """Saves a network from PyTorch in every format; returns the files."""
    from safetensors.torch import save_file

    files = [f"{folder}/{name}.{end}" for end in ("pt", "safetensors", "npz", "onnx")]
    state = network.state_dict()
    torch.save(state, files[0])
    save_file(state, files[1])
    np.savez(files[2], **{key: tensor.numpy() for key, tensor in state.items()})
    batch = torch.export.Dim("batch")
    torch.onnx.export(network.eval(), (torch.zeros(2, 28, 28),), files[3], dynamo=True,
                      external_data=False, dynamic_shapes=({0: batch},), verbose=False)
    return files


def keras_network(hidden, activation):
    """The notebook's network: Flatten -> Dense -> ... -> Dense(softmax)."""
    import keras

    keras.utils.set_random_seed(1)
    dense = [keras.layers.Dense(width, activation) for width in hidden]
    return keras.Sequential([keras.layers.Input((28, 28)), keras.layers.Flatten(), *dense,
                             keras.layers.Dense(10, "softmax")])


def keras_train(network, images, labels, steps):
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    count = min(steps * BATCH, len(images))
    network.fit(np.float32(images[:count]) / 255, labels[:count], batch_size=BATCH, verbose=0)


def keras_load(file):
    """A `.keras` file as Keras itself opens it."""
    import keras

    return keras.models.load_model(file)


def keras_answers(network, pixels):
    return network.predict(np.float32(pixels) / 255, batch_size=1000, verbose=0)


def keras_snippet(saved, file, activation):
    """The conversion from Keras shown in docs/interop.md."""
    import keras
    from safetensors.numpy import save_file

    model = keras.models.load_model(saved)
    save_file({v.path: v.numpy() for v in model.weights}, file,
              metadata={"activation": activation})


def keras_save(network, folder, name):
    """Saves a network from Keras in every format; returns the files."""
    ends = ("keras", "h5", "weights.h5", "safetensors", "npz", "onnx")
    whole, legacy, weights, *others = files = [f"{folder}/{name}.{end}" for end in ends]
    network.save(whole)
    network.save(legacy)
    network.save_weights(weights)
    keras_snippet(whole, others[0], network.layers[1].activation.__name__)
    np.savez_compressed(others[1], *network.get_weights())
    network.export(others[2], format="onnx", verbose=False)
    return files


def versions():
    """The versions of everything involved."""
    import platform
    from importlib.metadata import version

    names = ["torch", "keras", "onnx", "onnxruntime", "onnxscript", "safetensors", "numpy"]
    return {"python": platform.python_version(), **{name: version(name) for name in names},
            "keras backend": os.environ["KERAS_BACKEND"]}
