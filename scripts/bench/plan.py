"""What is run: the jobs of each section."""

from __future__ import annotations

import gzip
from pathlib import Path

from environments import PEERS, Setup, last_error, run
from measure import Job
from rows import OURS, PLAIN

SECTIONS = "tutorial", "sizes", "variants", "inference", "scaling", "memory"
NEEDS = {"tutorial": {"np", "jax", "torch", "tf"}, "sizes": {"np", "jax", "torch"}, "variants": {"jax"},
         "inference": {"np", "jax", "torch", "tf"}, "scaling": set(), "memory": set()}
CONFIG = "configs/fashion-mnist.toml"
ONE_THREAD = {"RAYON_NUM_THREADS": "1"}

# group: batch, hidden widths, epochs, and the most turns of anyone and of the slow peers
SIZES = {
    "batch 128, hidden 128": (128, [128], 3, 5, 5),
    "batch 1024, hidden 128": (1024, [128], 3, 5, 5),
    "batch 32, hidden 512": (32, [512], 3, 5, 5),
    "batch 32, hidden 1024-1024-1024": (32, [1024] * 3, 2, 3, 1),
}
# hidden widths: epochs, and the most turns
VARIANT_SIZES = {"128": (3, 5), "256,64": (3, 5), "512": (3, 3), "1024,1024,1024": (2, 2)}
# name: our keys, and the words of the peer
VARIANTS = {
    PLAIN: ([], ""),
    "dropout 0.2": (["model.dropout=0.2"], "--dropout 0.2"),
    "GELU": (['model.activation="gelu"'], "--activation gelu"),
}
FILES = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", \
    "t10k-labels-idx1-ubyte"


def ours(setup: Setup, section: str, name: str, sets: list[str] = (), data: Path | None = None,
         **more) -> Job:
    """Our program, as a person would call it; the run folder is thrown away."""
    argv = [setup.programs["trainer"], "train", "--config", CONFIG, "--data-dir",
            str(data or setup.data), "--run-dir", "{dir}/run", "--seed", "{seed}", "--quiet", "--json"]
    for change in sets:
        argv += ["--set", change]
    return Job(section, name, argv, ours=True, **more)


def peer(setup: Setup, venv: str, section: str, name: str, command: str, **more) -> Job:
    """A peer's script in its environment."""
    script, *words = command.split()
    argv = [setup.pythons.get(venv, ""), str(PEERS / script), *words, "--data", str(setup.data)]
    if script != "infer.py":
        argv += ["--seed", "{seed}"]
    return Job(section, name, argv, missing=setup.missing.get(venv), **more)


def example(setup: Setup, section: str, name: str, program: str, words: list[str], **more) -> Job:
    """One of our examples, if it was built."""
    return Job(section, name, [setup.programs.get(program, ""), *words],
               missing=setup.missing.get(program), **more)


def tutorial(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """The notebook's job: ten epochs, then the test set."""
    s = "tutorial"
    few = {"turns": min(slow, turns)}
    jobs = [
        ours(setup, s, "this project", guess=2.5),
        peer(setup, "jax", s, "JAX, jitted scan, 2 threads", "jax_scan.py", guess=6),
        ours(setup, s, "this project, 1 thread", env=ONE_THREAD, guess=4),
        peer(setup, "jax", s, "JAX, jitted scan, 1 thread", "jax_scan.py --threads 1", guess=8),
        peer(setup, "np", s, "NumPy by hand, 2 threads", "numpy_fast.py --threads 2", guess=9),
        peer(setup, "torch", s, "PyTorch by hand, 1 thread",
             "torch_fast.py --mode manual --threads 1 --flush-denormal", guess=10),
        example(setup, s, "Burn's Learner, its defaults", "plain_burn", [],
                guess=20),
        peer(setup, "torch", s, "PyTorch, DataLoader, 1 thread",
             "torch_dataloader.py --threads 1", guess=25),
        peer(setup, "tf", s, "Keras, the notebook", "keras_tf.py", guess=45),
    ]
    for job in jobs:
        job.turns = turns
    jobs[-1].turns = jobs[-2].turns = few["turns"]
    return jobs


def sizes(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """Other batches and widths."""
    jobs = []
    for group, (batch, hidden, epochs, most, most_slow) in SIZES.items():
        wide = len(hidden) > 1
        shape = f"--batch {batch} --hidden {','.join(map(str, hidden))} --epochs {epochs}"
        sets = [f"training.batch_size={batch}", f"model.hidden={hidden}",
                f"training.epochs={epochs}"]
        torch = f"torch_fast.py --mode manual --flush-denormal {shape}"
        add = [
            (ours(setup, "sizes", "this project", sets), 25, most),
            (peer(setup, "jax", "sizes", "JAX, jitted scan", f"jax_scan.py {shape}"), 40, most),
            (peer(setup, "np", "sizes", "NumPy by hand", f"numpy_fast.py --threads 2 {shape}"),
             120, most_slow),
            (peer(setup, "torch", "sizes", "PyTorch by hand, 1 thread", f"{torch} --threads 1"),
             90, most_slow),
            (peer(setup, "torch", "sizes", "PyTorch by hand, 2 threads", f"{torch} --threads 2"),
             60, most_slow),
        ]
        for job, guess, cap in add:
            job.group, job.guess, job.turns = group, guess if wide else 4, min(turns, cap)
            jobs.append(job)
    return jobs


def variants(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """What an experiment may change beside its widths."""
    jobs = []
    for hidden, (epochs, most) in VARIANT_SIZES.items():
        for variant, (keys, words) in VARIANTS.items():
            sets = [f"model.hidden=[{hidden}]", f"training.epochs={epochs}", *keys]
            shape = f"--hidden {hidden} --epochs {epochs} {words}"
            add = [ours(setup, "variants", OURS, sets),
                   peer(setup, "jax", "variants", "JAX, jitted scan", f"jax_scan.py {shape}")]
            for job in add:
                job.group, job.turns = f"hidden {hidden.replace(',', '-')}, {variant}", min(turns, most)
                job.guess = 25 if "1024" in hidden else 4
            jobs += add
    return jobs


def inference(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """The same trained shape everywhere; the peers' weights are NumPy's after one epoch."""
    s, record, weights = "inference", scratch / "record", scratch / "weights.npz"
    done = run([setup.programs["trainer"], "train", "--config", CONFIG, "--data-dir",
                str(setup.data), "--set", "training.epochs=1", "--quiet", "--run-dir", str(record)])
    mine = example(setup, s, "this project", "inference_speed", [str(record / "model.bpk")], guess=2)
    mine.ours = True
    if done.returncode:
        mine.missing = f"no record to read: {last_error(done.stderr)}"
    more = ""
    if "np" in setup.pythons:
        made = run([setup.pythons["np"], str(PEERS / "numpy_fast.py"), "--epochs", "1", "--data",
                    str(setup.data), "--save", str(weights)])
        more = "" if made.returncode else f" --weights {weights}"
    jobs = [mine]
    for venv, name, threads in [("np", "numpy", 2), ("np", "numpy", 1), ("jax", "jax", 0),
                                ("jax", "jax", 1), ("torch", "torch", 2), ("torch", "torch", 1),
                                ("tf", "keras_tf", 0)]:
        title = {"numpy": "NumPy", "jax": "JAX", "torch": "PyTorch", "keras_tf": "Keras"}[name]
        suffix = {0: "", 1: ", 1 thread", 2: ", 2 threads"}[threads]
        jobs.append(peer(setup, venv, s, title + suffix,
                         f"infer.py {name} --threads {threads}{more}", guess=12 if venv == "tf" else 4))
    for job in jobs:
        job.turns = turns
    return jobs


def scaling(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """More epochs, and two trainings side by side."""
    s = "scaling"
    jobs = [ours(setup, s, f"{n} epochs", [f"training.epochs={n}"], guess=0.22 * n)
            for n in (10, 20, 40)]
    jobs += [
        ours(setup, s, "one, 1 thread", env=ONE_THREAD, guess=4),
        ours(setup, s, "two at once, 1 thread each", env=ONE_THREAD, copies=2, guess=4.5),
        ours(setup, s, "two at once, default threads", copies=2, guess=6),
    ]
    for job in jobs:
        job.turns = turns
    return jobs


def memory(setup: Setup, turns: int, slow: int, scratch: Path) -> list[Job]:
    """Peak memory of the tutorial, and with ten times the training images."""
    s, gz, plain = "memory", scratch / "ten-times-gz", scratch / "ten-times"
    repeat_training_set(setup.data, gz, 10, ".gz")
    repeat_training_set(setup.data, plain, 10, "")
    ten = ["training.epochs=1", "data.name=ten-times"]
    jobs = [
        ours(setup, s, "10 epochs", guess=2.5),
        ours(setup, s, "1 epoch", ["training.epochs=1"], guess=1),
        ours(setup, s, "1 epoch, 10 x images, gzip files", ten, data=gz, guess=6),
        ours(setup, s, "1 epoch, 10 x images, plain files", ten, data=plain, guess=4),
    ]
    for job in jobs:
        job.turns = min(turns, 3)
    return jobs


def repeat_training_set(source: Path, target: Path, times: int, suffix: str) -> None:
    """Writes four IDX files (`suffix` .gz or none), the training images and labels `times` over.

    In pieces: a child process starts with the peak memory of its parent, so this one stays small.
    """
    target.mkdir()
    for name in FILES:
        times_here, header = (times if name.startswith("train") else 1), 16 if "idx3" in name else 8
        file = target / f"{name}{suffix}"
        with gzip.open(file, "wb", compresslevel=1) if suffix else file.open("wb") as out:
            for turn in range(times_here):
                with opened(source / name) as f:
                    head = f.read(header)
                    if turn == 0:
                        count = int.from_bytes(head[4:8], "big") * times_here
                        out.write(head[:4] + count.to_bytes(4, "big") + head[8:])
                    while piece := f.read(1 << 20):
                        out.write(piece)


def opened(path: Path):
    """An IDX file, plain or with .gz."""
    return path.open("rb") if path.exists() else gzip.open(f"{path}.gz", "rb")


JOBS = {"tutorial": tutorial, "sizes": sizes, "variants": variants, "inference": inference, "scaling": scaling,
        "memory": memory}
