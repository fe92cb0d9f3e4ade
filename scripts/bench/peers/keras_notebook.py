"""The notebook, in Keras 3, on whichever backend KERAS_BACKEND names.

fit, evaluate and predict keep Keras's defaults; the progress bar is on, as in the notebook, but goes
to /dev/null so that stdout is the JSON line alone.
"""

import contextlib
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402

import common  # noqa: E402


def backend_version():
    backend = __import__(keras.backend.backend())
    return f"keras {keras.__version__}, {backend.__name__} {backend.__version__}"


class Clock(keras.callbacks.Callback):
    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_begin(self, logs=None):
        self.run.train_begins()

    def on_epoch_end(self, epoch, logs=None):
        self.run.epoch_ends()

    def on_train_end(self, logs=None):
        self.run.train_ends()


def build(hidden=(128,)):
    return keras.Sequential([
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        *(keras.layers.Dense(width, activation="relu") for width in hidden),
        keras.layers.Dense(10, activation="softmax"),
    ])


def main(peer):
    args = common.arguments(__doc__).parse_args()
    run = common.Run(peer, backend_version(), args)
    keras.utils.set_random_seed(args.seed)
    train_x, train_y, test_x, test_y = common.load(args.data)
    train_x, test_x = train_x / 255.0, test_x / 255.0      # float64, as the notebook has it
    model = build(args.hidden)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        history = model.fit(train_x, train_y, epochs=args.epochs, batch_size=args.batch,
                            callbacks=[Clock(run)])
        loss, acc = model.evaluate(test_x, test_y)
        probabilities = model.predict(test_x)
    assert probabilities.shape == (10000, 10) and np.isfinite(probabilities).all()
    run.done(loss, acc, history.history["loss"], history.history["accuracy"], model.count_params())
