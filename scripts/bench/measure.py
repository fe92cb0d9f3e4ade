"""One run: wait for an idle machine, start, measure from outside, read its own report."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from environments import ROOT, Fatal, Setup, last_error, say

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Job:
    """Something to run, once a turn.

    `{seed}` and `{dir}` in `argv` are filled in for each run; `dir` is a fresh folder. A job whose
    `missing` is set is not run but reported. `copies` run side by side.
    """

    section: str
    name: str
    argv: list[str]
    group: str = ""
    ours: bool = False
    env: dict[str, str] = field(default_factory=dict)
    turns: int = 5
    guess: float = 5.0
    copies: int = 1
    missing: str | None = None
    timeout: float = 900.0


class Cores:
    """Whether the virtual cores are real ones at the moment.

    The host may put two of them on one physical core for seconds at a time, which no counter inside
    shows: the ratio of the FMA peak of all cores to that of one falls. It is compared with the best seen.
    """

    def __init__(self, program: str | None):
        self.program, self.best = program, 0.0
        for _ in range(3):
            self.ratio()

    def ratio(self) -> float | None:
        """All over one, e.g. 2.0 on two real cores; nothing without the probe."""
        if not self.program:
            return None
        done = subprocess.run([self.program, "probe"], capture_output=True, text=True)
        if done.returncode:
            return None
        seen = json.loads(done.stdout)
        ratio = round(seen["all"] / seen["one"], 2)
        if ratio <= os.cpu_count() * 1.05:      # more is a disturbed measurement of the one
            self.best = max(self.best, ratio)
        return ratio

    def real(self, ratio: float | None) -> bool:
        """Whether that is what this machine gives at its best."""
        return ratio is None or ratio >= 0.9 * self.best


def cpu_seconds() -> tuple[float, float]:
    """Busy and idle seconds of the whole machine since it started; stolen ones are busy."""
    with open("/proc/stat") as f:
        v = [int(x) / TICKS for x in f.readline().split()[1:9]]
    return v[0] + v[1] + v[2] + v[5] + v[6] + v[7], v[3] + v[4]


def idle(limit: float) -> bool:
    """Waits until a second was idle, `limit` seconds at most; says whether one was."""
    end = time.monotonic() + limit
    while True:
        a = cpu_seconds()
        time.sleep(1)
        b = cpu_seconds()
        busy, free = b[0] - a[0], b[1] - a[1]
        if busy < 0.05 * (busy + free):
            return True
        if time.monotonic() > end:
            return False


def settle(cores: Cores, wait: float) -> tuple[bool, float | None]:
    """Waits for an idle machine with real cores, `wait` seconds at most for each."""
    end = time.monotonic() + wait
    while True:
        quiet, ratio = idle(wait), cores.ratio()
        if cores.real(ratio) or time.monotonic() > end:
            return quiet, ratio
        time.sleep(2)


def environ(job: Job) -> dict[str, str]:
    """The caller's environment without variables that would affect the computation."""
    drop = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "RAYON_NUM_THREADS", "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS", "PYTHONPATH"}
    kept = {k: v for k, v in os.environ.items() if k not in drop}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **job.env}


def measure(job: Job, turn: int, cores: Cores, wait: float, put) -> dict:
    """Runs a job until a run was not disturbed, three times at most; `put` gets every row.

    Two threads that wait for each other become ten times slower when a third process wants a core.
    """
    for _ in range(3):
        row = attempt(job, turn, cores, wait)
        put(row)
        if "error" in row or row["undisturbed"]:
            break
    return row


def attempt(job: Job, turn: int, cores: Cores, wait: float) -> dict:
    """Runs a job once; the row says what was seen, or has an `error`."""
    row = {"section": job.section, "group": job.group, "name": job.name, "ours": job.ours,
           "turn": turn, "turns": job.turns}
    if job.missing:
        return {**row, "error": job.missing}
    quiet, before = settle(cores, wait)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        row.update(side_by_side(job, turn, Path(folder)))
    row.update(idle=quiet, cores=[before, cores.ratio()])
    row["undisturbed"] = quiet and cores.real(before) and cores.real(row["cores"][1]) \
        and row.get("other_cpu_s", 0) < max(0.1, 0.05 * row.get("wall_s", 0))
    return row


def side_by_side(job: Job, turn: int, folder: Path) -> dict:
    """Starts all copies, waits for all, and joins what they say: the slowest counts."""
    running, cpu, started = [], cpu_seconds(), time.perf_counter()
    try:
        for copy in range(job.copies):
            place = folder / str(copy)
            place.mkdir()
            seed = str(100 * copy + turn)
            argv = [w.replace("{dir}", str(place)).replace("{seed}", seed) for w in job.argv]
            with open(place / "stdout", "wb") as out, open(place / "stderr", "wb") as err:
                running.append(subprocess.Popen(argv, cwd=ROOT, env=environ(job),
                                                stdin=subprocess.DEVNULL, stdout=out, stderr=err))
        ended = [wait_for(child, job.timeout) for child in running]
    except BaseException:
        for child in running:
            if child.returncode is None:
                child.kill()
                child.wait()
        raise
    wall = time.perf_counter() - started
    other = cpu_seconds()[0] - cpu[0] - sum(e["cpu_s"] for e in ended)
    for copy, end in enumerate(ended):
        if end["status"]:
            said = (folder / str(copy) / "stderr").read_text(errors="replace")
            why = f"exit status {end['status']}" if end["status"] > 0 else \
                f"killed by signal {-end['status']}"
            return {"error": f"{why}: {last_error(said)}"}
    try:
        said = [words(folder / str(copy)) for copy in range(job.copies)]
    except (OSError, ValueError, KeyError, IndexError) as problem:
        return {"error": f"printed no result that can be read ({type(problem).__name__}: {problem})"}
    joined = said[0]
    joined["train_s"] = max((s["train_s"] for s in said if s.get("train_s")), default=None)
    return {**joined, "wall_s": round(wall, 3), "cpu_s": round(sum(e["cpu_s"] for e in ended), 3),
            "peak_bytes": max(e["peak_bytes"] for e in ended), "other_cpu_s": round(max(0, other), 3)}


def wait_for(child: subprocess.Popen, timeout: float) -> dict:
    """Waits for a process and returns its status, CPU seconds and peak memory."""
    timer = threading.Timer(timeout, child.kill)
    timer.start()
    try:
        _, status, use = os.wait4(child.pid, 0)
    finally:
        timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return {"status": child.returncode, "cpu_s": use.ru_utime + use.ru_stime,
            "peak_bytes": use.ru_maxrss * 1024}


def words(place: Path) -> dict:
    """What a run reports: our run folder, or the JSON line of a peer or an example."""
    manifest = place / "run" / "manifest.json"
    if manifest.exists():
        m = json.loads(manifest.read_text())
        epochs = [json.loads(line) for line in (place / "run" / "metrics.jsonl").open()]
        return {"train_s": m["training_seconds"], "epoch_s": [e["seconds"] for e in epochs],
                "test_acc": m["test"]["accuracy"], "version": m["version"],
                "train_loss": [e["train_loss"] for e in epochs], "images": m["images"][0]}
    lines = [line for line in (place / "stdout").read_text().splitlines() if line.startswith("{")]
    said = json.loads(lines[-1])
    names = {"wall_s_train": "train_s", "training_seconds": "train_s", "wall_s_epoch": "epoch_s",
             "epoch_seconds": "epoch_s", "test_accuracy": "test_acc"}
    return {names.get(key, key): value for key, value in said.items() if key not in ("name", "turn")}


def estimate(jobs: list[Job], turn: int, position: int, seen: dict[int, float]) -> float:
    """Seconds until the end, from what a run took so far, or was guessed to take."""
    left = 0.0
    for i, job in enumerate(jobs):
        runs = job.turns - turn - (1 if i < position else 0)
        left += 0 if job.missing else max(0, runs) * seen.get(id(job), job.guess + 2.5)
    return left


def measure_all(jobs: list[Job], setup: Setup, wait: float, put, later: float = 0.0) -> None:
    """Turn by turn, not job by job; `put` gets every row, `later` are seconds of other sections.

    A peer that fails is left out with a note. When this project's own program fails, so does the
    benchmark: its tables would be of something that does not work.
    """
    cores, seen = Cores(setup.limit), {}
    for turn in range(max((job.turns for job in jobs), default=0)):
        for position, job in enumerate(jobs):
            if turn >= job.turns or (job.missing and turn):
                continue
            minutes = (later + estimate(jobs, turn, position, seen)) / 60
            started = time.monotonic()
            row = measure(job, turn + 1, cores, wait, put)
            if not job.missing:
                seen[id(job)] = time.monotonic() - started
            title = " ".join(filter(None, (job.group, job.name)))
            say(f"[{minutes:4.1f} min left] {job.section} {turn + 1}/{job.turns}  {title}: {brief(row)}")
            if job.ours and "error" in row:
                raise Fatal(f"{job.section}, {title}: {row['error']}; the documentation is untouched")


def brief(row: dict) -> str:
    """A row in a few words."""
    if "error" in row:
        return row["error"]
    parts = [f"process {row['wall_s']:.2f} s", f"peak {row['peak_bytes'] / 1e6:.0f} MB"]
    if row.get("train_s"):
        parts.insert(0, f"training {row['train_s']:.2f} s")
    return ", ".join(parts) + ("" if row["undisturbed"] else "  (disturbed)")
