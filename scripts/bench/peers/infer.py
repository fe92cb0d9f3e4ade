"""Inference: the 10,000 test images at once and in batches of 32, and one image alone.

Images are float32, already in memory. The JSON line has, for each of the three and each way the
peer offers: seconds for the whole set (median of --repeats after one warm-up call), or microseconds
for one image (median and 99th percentile of --singles).
"""

import argparse
import json
import os
import statistics
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
p.add_argument("peer", choices=["keras_tf", "torch", "jax", "numpy"])
p.add_argument("--weights", metavar="FILE", help="numpy_fast.py's --save; default: random weights")
p.add_argument("--threads", type=int, default=0, help="0: the framework's choice")
p.add_argument("--repeats", type=int, default=9)
p.add_argument("--singles", type=int, default=2000)
p.add_argument("--data", default=None)
args = p.parse_args()

if args.peer == "keras_tf":
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if args.peer == "jax" and args.threads == 1:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
if args.peer == "numpy" and args.threads:
    os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)

import numpy as np  # noqa: E402

import common  # noqa: E402

ALL, BY_32, ONE = "10000 at once", "batch 32", "one image"
_, _, test_x, test_y = common.load(args.data or common.DEFAULT_DATA)
images = common.flat(test_x)
row = {"what": "inference", "peer": args.peer, "threads": args.threads,
       "times": {ALL: {}, BY_32: {}, ONE: {}}}


def weights():
    if args.weights:
        with np.load(args.weights) as f:
            return [f[name] for name in f.files]
    rng = np.random.default_rng(0)
    shapes = (784, 128), (128,), (128, 10), (10,)
    return [(rng.standard_normal(s) * 0.05).astype(np.float32) for s in shapes]


def seconds(what, way, call):
    out = np.asarray(call())
    assert out.shape == (10000, 10) and np.allclose(out.sum(1), 1, atol=1e-3)
    row.setdefault("test_acc", float((out.argmax(1) == test_y).mean()))
    took = []
    for _ in range(args.repeats):
        t = time.perf_counter()
        call()
        took.append(time.perf_counter() - t)
    row["times"][what][way] = {"median_s": statistics.median(took), "min_s": min(took)}


def micros(way, call):
    """call(i) gives image i's probabilities, ready to read."""
    for i in range(50):
        call(i)
    took = []
    for i in range(args.singles):
        t = time.perf_counter_ns()
        call(i)
        took.append(time.perf_counter_ns() - t)
    took.sort()
    row["times"][ONE][way] = {"median_us": statistics.median(took) / 1e3,
                              "p99_us": took[int(len(took) * 0.99)] / 1e3}


def keras_tf(W):
    import keras
    import tensorflow as tf

    from keras_notebook import backend_version, build

    row["version"] = backend_version()
    model = build()
    model.set_weights(W)
    square = images.reshape(-1, 28, 28)
    graph = tf.function(lambda x: model(x, training=False),
                        input_signature=[tf.TensorSpec((None, 28, 28), tf.float32)])
    plain = lambda x: keras.ops.convert_to_numpy(model(x, training=False))
    seconds(BY_32, "predict", lambda: model.predict(square, verbose=0))
    seconds(BY_32, "tf.function", lambda: np.concatenate(
        [graph(square[s:s + 32]).numpy() for s in range(0, 10000, 32)]))
    seconds(ALL, "predict", lambda: model.predict(square, batch_size=10000, verbose=0))
    seconds(ALL, "model(x)", lambda: plain(square))
    seconds(ALL, "tf.function", lambda: graph(square).numpy())
    micros("model(x)", lambda i: plain(square[i:i + 1]))
    micros("tf.function", lambda i: graph(square[i:i + 1]).numpy())


def torch(W):
    import torch
    from torch import nn

    from torch_fast import build

    if args.threads:
        torch.set_num_threads(args.threads)
    row.update(version=torch.__version__)
    model = nn.Sequential(*build([784, 128, 10]), nn.Softmax(1)).eval()
    with torch.no_grad():
        for q, v in zip(model.parameters(), W):
            q.copy_(torch.from_numpy(np.ascontiguousarray(v.T)))
    X = torch.from_numpy(images)
    with torch.inference_mode():
        seconds(BY_32, "module", lambda: torch.cat([model(x) for x in X.split(32)]).numpy())
        seconds(ALL, "module", lambda: model(X).numpy())
        micros("module", lambda i: model(X[i:i + 1]).numpy())
        frozen = torch.jit.freeze(torch.jit.trace(model, X[:1]))
        micros("jit.trace, frozen", lambda i: frozen(X[i:i + 1]).numpy())


def jax(W):
    import jax
    import jax.numpy as jnp

    row["version"] = jax.__version__

    @jax.jit
    def predict(w, x):
        return jax.nn.softmax(jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3])

    @jax.jit
    def predict32(w, x):
        head = jax.lax.map(lambda b: predict(w, b), x[:9984].reshape(312, 32, 784))
        return jnp.concatenate([head.reshape(-1, 10), predict(w, x[9984:])])

    w, X = [jnp.asarray(v) for v in W], jax.device_put(images)
    seconds(BY_32, "lax.map", lambda: predict32(w, X).block_until_ready())
    seconds(ALL, "jit", lambda: predict(w, X).block_until_ready())
    micros("host arrays", lambda i: np.asarray(predict(w, images[i:i + 1])))
    rows = [jax.device_put(images[i:i + 1]) for i in range(args.singles)]
    micros("device arrays", lambda i: predict(w, rows[i]).block_until_ready())


def numpy(W):
    from numpy_fast import forward, kernel

    row.update(version=np.__version__, blas=kernel())
    seconds(BY_32, "forward", lambda: np.concatenate(
        [forward(W, images[s:s + 32])[0] for s in range(0, 10000, 32)]))
    seconds(ALL, "forward", lambda: forward(W, images)[0])
    micros("forward", lambda i: forward(W, images[i:i + 1])[0])


{"keras_tf": keras_tf, "torch": torch, "jax": jax, "numpy": numpy}[args.peer](weights())
print(json.dumps(row))
