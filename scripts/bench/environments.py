"""Prerequisites of the measurements: our programs, the peers' environments, the probe."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = HERE / "peers"
PACKAGES = {
    "np": ["numpy", "threadpoolctl"],
    "jax": ["jax", "numpy"],
    "torch": ["torch", "numpy"],
    "tf": ["tensorflow-cpu", "keras", "numpy"],
}


class Fatal(Exception):
    """Nothing can be measured; the message says what to do."""


@dataclass
class Setup:
    """What was found or made; `missing` says why something was not."""

    bench_dir: Path
    data: Path = Path()
    programs: dict[str, str] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)
    limit: str | None = None
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def say(text: str) -> None:
    """Prints progress to the terminal."""
    print(text, file=sys.stderr, flush=True)


def last_error(text: str) -> str:
    """The last line that names an error, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[-1][:200]


def run(argv: list[str], **more) -> subprocess.CompletedProcess:
    """Runs a command in the repository and keeps what it says."""
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, **more)


def build(setup: Setup) -> None:
    """Builds the program and the two examples; only the program is indispensable."""
    targets = {"trainer": [], "plain_burn": ["--example", "plain_burn"],
               "inference_speed": ["--example", "inference_speed"]}
    for name, target in targets.items():
        say(f"building {name}")
        try:
            # cargo's own output goes to the terminal for the program, which may take minutes
            done = subprocess.run(
                ["cargo", "build", "-p", "trainer", *target,
                 "--message-format=json-render-diagnostics"],
                cwd=ROOT, text=True, stdout=subprocess.PIPE,
                stderr=None if name == "trainer" else subprocess.PIPE)
        except FileNotFoundError:
            raise Fatal("cargo is not on the PATH: install Rust from https://rustup.rs") from None
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        made = [m["executable"] for m in messages
                if m.get("executable") and m["target"]["name"] == name]
        if done.returncode == 0 and made:
            setup.programs[name] = made[-1]
        elif name == "trainer":
            raise Fatal("`cargo build -p trainer` failed: see its messages above")
        else:
            setup.missing[name] = last_error(done.stderr)
            say(f"  not available: {setup.missing[name]}")


def find_data(setup: Setup) -> None:
    """The data set's folder, the same for everyone; the program downloads it if need be."""
    done = run([setup.programs["trainer"], "data", "--json"])
    if done.returncode:
        raise Fatal(f"`trainer data` failed: {last_error(done.stderr)}")
    setup.data = Path(json.loads(done.stdout)["place"])


def packages(python: str, names: list[str]) -> dict[str, str] | None:
    """Their versions, or nothing if one of them is not installed."""
    script = "import json, sys; from importlib.metadata import version; " \
             "print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
    try:
        done = run([python, "-c", script, *names])
    except OSError:
        return None
    return json.loads(done.stdout) if done.returncode == 0 else None


def environment(setup: Setup, name: str, base: str) -> None:
    """Reuses or makes one virtual environment."""
    folder = setup.bench_dir / f"venv-{name}"
    python, names = str(folder / "bin" / "python"), PACKAGES[name]
    if not packages(python, names):
        say(f"installing {', '.join(names)} in {folder}")
        for argv in [base, "-m", "venv", str(folder)], \
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *names]:
            done = run(argv)
            if done.returncode:
                setup.missing[name] = last_error(done.stderr + done.stdout)
                say(f"  not available: {setup.missing[name]}")
                return
    found = packages(python, names)
    if not found:
        setup.missing[name] = f"packages are missing in {folder}; remove it to install them anew"
        return
    setup.pythons[name] = python
    setup.versions.update(found)


def compile_limit(setup: Setup) -> None:
    """Compiles limit.c; without it nothing is known about the cores, but everything else is measured."""
    program = setup.bench_dir / "limit"
    compiler = os.environ.get("CC", "cc")
    argv = [compiler, "-O3", "-march=native", "-fno-math-errno", "-pthread",
            str(PEERS / "limit.c"), "-o", str(program), "-lm"]
    try:
        done = run(argv)
        problem = last_error(done.stderr) if done.returncode else None
    except FileNotFoundError:
        problem = f"no C compiler `{compiler}`: install one, e.g. apt install gcc"
    if problem:
        setup.missing["limit"] = problem
        say(f"limit.c is not available: {problem}")
    else:
        setup.limit = str(program)


def limits(setup: Setup) -> list[dict]:
    """What limit.c measures: one entry for each number of threads."""
    if not setup.limit:
        return []
    done = run([setup.limit])
    return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []


def first_line(argv: list[str]) -> str:
    """The first line of a command's output, or `unknown`."""
    try:
        return (run(argv).stdout.splitlines() or ["unknown"])[0]
    except OSError:
        return "unknown"


def machine() -> dict[str, str]:
    """CPU, memory and system in words."""
    cpu, memory, system = platform.processor() or platform.machine(), "unknown", platform.platform()
    for line in read("/proc/cpuinfo"):
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
    for line in read("/proc/meminfo"):
        if line.startswith("MemTotal"):
            memory = f"{int(line.split()[1]) / 2 ** 20:.0f} GiB"
    for line in read("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            system = line.split("=", 1)[1].strip().strip('"')
    return {"cpu": cpu, "cores": str(len(os.sched_getaffinity(0))), "memory": memory,
            "system": system}


def read(path: str) -> list[str]:
    """A small file's lines; none if it is not there."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def commit() -> tuple[str, bool]:
    """The commit, and whether the sources differ from it."""
    name = first_line(["git", "rev-parse", "--short", "HEAD"])
    changed = run(["git", "status", "--porcelain", "--", ".", ":!docs", ":!artifacts"]).stdout
    return name, bool(changed.strip())


def prepare(bench_dir: Path, base: str, peers: set[str]) -> Setup:
    """Everything above, for the named environments."""
    if not shutil.which("git") or not sys.platform.startswith("linux"):
        raise Fatal("the benchmark needs Linux (/proc, wait4) and git")
    bench_dir.mkdir(parents=True, exist_ok=True)
    setup = Setup(bench_dir)
    build(setup)
    find_data(setup)
    for name in sorted(peers):
        environment(setup, name, base)
    compile_limit(setup)
    lock = "\n".join(read(str(ROOT / "Cargo.lock")))
    burn = lock.partition('name = "burn"\nversion = "')[2].partition('"')[0]
    setup.versions = {"burn": burn, "rustc": first_line(["rustc", "--version"]).split()[1],
                      "python": packages_python(setup, base), **setup.versions}
    return setup


def packages_python(setup: Setup, base: str) -> str:
    """The version of the interpreter the peers run on."""
    python = next(iter(setup.pythons.values()), base)
    return first_line([python, "-c", "import platform; print(platform.python_version())"])
