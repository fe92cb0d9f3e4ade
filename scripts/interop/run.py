"""Every conversion between this program and PyTorch and Keras: python run.py

Trains a network on each side, transfers it to the other in every format, and
compares the predictions on all 10,000 test images. Writes the result into docs/interop.md; exit code 1 when a
label differs or a probability by more than 1e-5.
"""

import csv
import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import frameworks as f
from common import numbered, test_images, training_images

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINER = ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "-p", "trainer", "--"]
DOCS = ROOT / "docs" / "interop.md"
BEGIN, END = "<!-- make interop: begin -->", "<!-- make interop: end -->"
CLOSE = 1e-5
STEPS = 600  # of 100 images: an epoch


class Bench:
    """The program, the images, and the rows of the result."""

    def __init__(self, folder):
        self.folder, self.rows = Path(folder), []
        found = json.loads(self.run("data", "--json"))
        self.images, self.labels = training_images(found["place"])
        self.pixels = test_images(found["place"])

    def run(self, *args):
        done = subprocess.run([*TRAINER, *map(str, args)], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE)
        if done.returncode:
            sys.exit(f"trainer {' '.join(map(str, args))} failed with exit code {done.returncode}")
        return done.stdout

    def answers(self, run):
        """The probabilities in a run's table."""
        with open(self.folder / run / "predictions.csv", newline="") as table:
            rows = list(csv.reader(table))[1:]
        return np.array([row[3:] for row in rows], np.float32)

    def compare(self, source, way, target, ours, theirs):
        same = int((ours.argmax(1) == theirs.argmax(1)).sum())
        largest = float(np.abs(ours - theirs).max())
        self.rows.append((source, way, target, same, largest))
        print(f"{source} -> {way} -> {target}: {same} of {len(ours)}, {largest:.1e}", file=sys.stderr)


def from_here(bench):
    """Our networks in their programs."""
    import onnxruntime
    from safetensors.numpy import load_file
    from safetensors.torch import load_file as load_torch

    for hidden, activation in ([128], "relu"), ([64, 32], "tanh"), ([32], "gelu"):
        run = f"ours-{activation}"
        bench.run("train", "--quiet", "--run-dir", run, "--set", "training.epochs=1",
                  "--set", f"model.hidden={hidden}", "--set", f"model.activation={activation}")
        ours, network = bench.answers(run), "-".join(map(str, [784, *hidden, 10])) + f" {activation}"
        files = {}
        for key, form, layout in [("torch.safetensors", "safetensors", "out-in"),
                                  ("keras.safetensors", "safetensors", "in-out"),
                                  ("keras.npz", "npz", "in-out"), ("all.onnx", "onnx", "in-out"),
                                  ("model.keras", "keras", "in-out")]:
            files[key] = str(bench.folder / f"{run}.{key}")
            bench.run("export", run, form, "--layout", layout, "--out", files[key], "--quiet")
        theirs = f.torch_network(hidden, activation)
        theirs.load_state_dict(load_torch(files["torch.safetensors"]))
        bench.compare(f"this program, {network}", "safetensors, out-in", "PyTorch `nn.Sequential`",
                      ours, f.torch_answers(theirs, bench.pixels))
        for key, arrays in ("keras.safetensors", load_file), ("keras.npz", np.load):
            theirs = f.keras_network(hidden, activation)
            layers = numbered(dict(arrays(files[key])))
            theirs.set_weights([array for layer in layers for array in layer])
            bench.compare(f"this program, {network}", key.split(".")[1], "Keras `Sequential`",
                          ours, f.keras_answers(theirs, bench.pixels))
        theirs = f.keras_load(files["model.keras"])
        bench.compare(f"this program, {network}", "keras", "Keras `load_model`",
                      ours, f.keras_answers(theirs, bench.pixels))
        session = onnxruntime.InferenceSession(files["all.onnx"], providers=["CPUExecutionProvider"])
        [theirs] = session.run(None, {"pixels": np.float32(bench.pixels) / 255})
        bench.compare(f"this program, {network}", "onnx", "onnxruntime", ours, theirs)


def to_here(bench):
    """Their networks here."""
    sides = [("PyTorch", f.torch_network, f.torch_train, f.torch_save, f.torch_answers),
             ("Keras", f.keras_network, f.keras_train, f.keras_save, f.keras_answers)]
    for side, make, train, save, answers in sides:
        for hidden, activation in ([128], "relu"), ([64, 32], "tanh"):
            network = make(hidden, activation)
            train(network, bench.images, bench.labels, STEPS)
            theirs = answers(network, bench.pixels)
            name = "-".join(map(str, [784, *hidden, 10])) + f" {activation}"
            for file in save(network, bench.folder, f"{side}-{activation}"):
                end = Path(file).name.split(".", 1)[1]
                run = f"{side}-{activation}-{end.replace('.', '-')}"
                says = end in ("onnx", "keras", "h5") or (side, end) == ("Keras", "safetensors")
                bench.run("import", file, "--as", side.lower(), "--run-dir", run, "--quiet",
                          *([] if says else ["--activation", activation]))
                bench.compare(f"{side}, {name}", end, "this program", bench.answers(run), theirs)


def write(bench):
    """Writes the result between the marks in docs/interop.md."""
    versions = ", ".join(f"{name} {version}" for name, version in f.versions().items())
    lines = [BEGIN, "", f"{datetime.date.today():%d %B %Y}; {versions}.".lstrip("0"), "",
             "| trained in | file | answers in | same label | largest difference of a probability |",
             "| --- | --- | --- | --- | --- |"]
    lines += [f"| {source} | {way} | {target} | {same} of {len(bench.pixels)} | {largest:.1e} |"
              for source, way, target, same, largest in bench.rows]
    before, _, rest = DOCS.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(before + "\n".join([*lines, "", END]) + after)


def main():
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        from_here(bench)
        to_here(bench)
    write(bench)
    count = len(bench.pixels)
    if any(same < count or largest > CLOSE for *_, same, largest in bench.rows):
        sys.exit("a label differs, or a probability by more than 1e-5")


if __name__ == "__main__":
    main()
