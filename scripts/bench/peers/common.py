"""Shared by the peers: the arguments, the data set, the clocks, the one JSON line at the end.

The clocks: import_s process start to imports done; wall_s_train the training loop, a JIT compiler's
time inside it included; wall_s_epoch the same by epoch. Every peer adds up the training loss and
accuracy, has Adam's epsilon at 1e-7, trains on every image, and starts from Glorot-uniform weights
and zero biases (PyTorch: its own, uniform in +-1/sqrt(fan_in)).
"""

import argparse
import gzip
import json
import os
import sys
import time

import numpy as np

DEFAULT_DATA = "/usr/share/datasets/fashion-mnist"
LR, B1, B2, EPS = 1e-3, 0.9, 0.999, 1e-7


def widths(text):
    return [int(word) for word in text.split(",")]


def arguments(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", default=DEFAULT_DATA, help="folder with the four IDX files")
    p.add_argument("--epochs", type=int, default=10)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--hidden", type=widths, default=[128], metavar="N,N", help="hidden widths")
    p.add_argument("--seed", type=int, default=42)
    p.add_argument("--threads", type=int, default=0, help="0: the framework's choice")
    return p


def read_idx(path):
    """A file of unsigned bytes, plain or gzip."""
    opener, path = (open, path) if os.path.exists(path) else (gzip.open, path + ".gz")
    with opener(path, "rb") as f:
        raw = f.read()
    if raw[0:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i: 8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder):
    """Training images and labels, test images and labels, as bytes."""
    names = "train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"
    return [read_idx(os.path.join(folder, name + "-ubyte")) for name in names]


def flat(images):
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def process_age():
    """Seconds since the kernel started this process (10 ms resolution)."""
    with open("/proc/self/stat") as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


class Run:
    """Collects the figures of one run. Make it right after the imports."""

    def __init__(self, peer, version, args, **extra):
        self.row = {"peer": peer, "version": version, "epochs": args.epochs, "batch": args.batch,
                    "hidden": args.hidden, "threads": args.threads, "seed": args.seed,
                    "import_s": round(process_age(), 3), **extra}
        self.laps = []

    def put(self, **more):
        self.row.update(more)

    def train_begins(self):
        self.t_train = self.t_epoch = time.perf_counter()

    def epoch_ends(self):
        now = time.perf_counter()
        self.laps.append(round(now - self.t_epoch, 4))
        self.t_epoch = now

    def train_ends(self):
        self.put(wall_s_train=round(time.perf_counter() - self.t_train, 4), wall_s_epoch=self.laps)

    def done(self, test_loss, test_acc, train_loss, train_acc, params):
        rounded = lambda values: [round(float(v), 5) for v in values]
        self.put(test_loss=round(float(test_loss), 5), test_acc=round(float(test_acc), 5),
                 train_loss=rounded(train_loss), train_acc=rounded(train_acc), params=int(params))
        print(json.dumps(self.row), file=sys.stdout, flush=True)
