"""The notebook in Keras 3 on TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"

from keras_notebook import main  # noqa: E402

if __name__ == "__main__":
    main("keras_tf")
