"""Makes the files that `make test` imports: python make_fixtures.py DATA_FOLDER OUT_FOLDER

Small networks of PyTorch and Keras, trained on a part of Fashion-MNIST, in every way they are saved; beside
each network its own answers on the first test images, and versions.json with what made them. Run in the
environment of `make interop`.
"""

import json
import sys
from pathlib import Path

import numpy as np

import frameworks as f
from common import test_images, training_images

IMAGES = 200  # predictions kept


def main(data, out):
    images, labels = training_images(data)
    pixels = test_images(data)[:IMAGES]
    Path(out).mkdir(parents=True, exist_ok=True)
    network = f.torch_network([24], "tanh")
    f.torch_train(network, images, labels, 200)
    f.torch_save(network, out, "torch")
    np.asarray(f.torch_answers(network, pixels), "<f4").tofile(f"{out}/torch.answers")
    tiny = f.torch.nn.Sequential(f.torch.nn.Flatten(), f.torch.nn.Linear(6, 4), f.torch.nn.Tanh(),
                                 f.torch.nn.Linear(4, 3))
    f.torch.save(tiny.state_dict(), f"{out}/tiny.pt")  # to be damaged in thousands of ways
    network = f.keras_network([20, 12], "relu")
    f.keras_train(network, images, labels, 200)
    f.keras_save(network, out, "keras")
    np.asarray(f.keras_answers(network, pixels), "<f4").tofile(f"{out}/keras.answers")
    Path(f"{out}/versions.json").write_text(json.dumps(f.versions(), indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
