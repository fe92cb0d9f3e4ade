"""From rows to tables: medians, ratios, goals, and the part of the documentation that contains them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from statistics import mean, median

from environments import Fatal
from goals import goals
from rows import (BURN, OURS, Section, best_way, bytes_per_pixel, known, last_over_second,
                  limit_seconds, plain_group, steady)

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def spread(values: list[float], digits: int = 2, scale: float = 1.0) -> str:
    """`median [least .. most]`."""
    if not values:
        return "not measured"
    v = [x * scale for x in values]
    if len(v) == 1:
        return f"{v[0]:.{digits}f}"
    return f"{median(v):.{digits}f} [{min(v):.{digits}f} .. {max(v):.{digits}f}]"


def ratio(a: float | None, b: float | None) -> str:
    """Two medians, divided."""
    return f"{a / b:.2f}" if a is not None and b else "not measured"


def table(head: list[str], body: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(head)} |", "|" + " --- |" * len(head),
            *(f"| {' | '.join(line)} |" for line in body), ""]


def tutorial(s: Section) -> list[str]:
    """The notebook's job, and how far it is from what the hardware allows."""
    body = []
    for name in s.names():
        acc = s.values(name, "test_acc")
        body.append([
            name, spread(s.values(name, "train_s")), spread(s.values(name, "wall_s")),
            spread([median(e) for e in s.values(name, "epoch_s")], 3).split(" [")[0],
            spread(last_over_second(s, name)).split(" [")[0],
            spread(s.values(name, "peak_bytes"), 0, 1e-6).split(" [")[0],
            f"{mean(acc):.4f} [{min(acc):.4f} .. {max(acc):.4f}]" if acc else "not measured",
            str(s.count(name))])
    out = table(["", "training, s", "process, s", "epoch, s", "last / second epoch", "peak, MB",
                 "test accuracy", "runs"], body)
    trained, process = s.fastest("train_s"), s.fastest("wall_s")
    ratios = [(f"training, this project / {trained}", OURS, trained, "train_s"),
              (f"process, this project / {process}", OURS, process, "wall_s"),
              ("process, this project / the Keras notebook", OURS, "Keras, the notebook", "wall_s"),
              (f"training, this project / {BURN}", OURS, BURN, "train_s"),
              ("training, one thread each, this project / JAX", f"{OURS}, 1 thread",
               "JAX, jitted scan, 1 thread", "train_s")]
    body = [[what, ratio(s.med(a, k), s.med(b, k))] for what, a, b, k in ratios if b]
    limit = limit_seconds(s.head)
    if limit:
        body.append(["training, this project / the limit of the hardware",
                     ratio(s.med(OURS, "train_s"), limit)])
    return out + table(["ratio of the medians", ""], body)


def hardware(head: dict) -> list[str]:
    """FMA peak, Adam, and the least the tutorial could take."""
    rows = head.get("limit", [])
    if not rows:
        return [f"What the hardware allows is not known: {head['missing'].get('limit', 'no probe')}.", ""]
    body = [[str(r["threads"]), f"{r['gflops']:.0f}", f"{r['adam_us']:.1f}",
             f"{limit_seconds(head, r):.2f}"] for r in rows]
    return table([f"threads ({rows[0]['isa']})", "FMA peak, GFLOP/s", "one Adam update, µs",
                  "least for the tutorial, s"], body)


def sizes(s: Section) -> list[str]:
    """Seconds per epoch, without the first."""
    names, body = s.names(), []
    for group in s.groups():
        times = {name: steady(s, name, group) for name in names}
        peers = {name: median(t) for name, t in times.items() if t and name != OURS}
        own = median(times[OURS]) if times.get(OURS) else None
        body.append([group, *(spread(times[name], 3) for name in names),
                     ratio(own, min(peers.values(), default=None))])
    return table(["epoch, s", *names, "this project / fastest peer"], body)


def variants(s: Section) -> list[str]:
    """Seconds per epoch, without the first, and against the same network without the variant."""
    names, body = s.names(), []
    for group in s.groups():
        times = {name: steady(s, name, group) for name in names}
        own, peer = (median(times[name]) if times[name] else None for name in names)
        plain = steady(s, OURS, plain_group(group))
        body.append([group, *(spread(times[name], 3) for name in names), ratio(own, peer),
                     ratio(own, median(plain) if plain else None)])
    return table(["epoch, s", *names, "this project / JAX", "this project / its plain network"], body)


def inference(s: Section) -> list[str]:
    """The best way of each peer, with its threads."""
    peers = list(dict.fromkeys(name.split(",")[0] for name in s.names()))
    body = []
    for what, key, scale, unit, digits in [("10000 at once", "median_s", 1e3, "ms", 2),
                                           ("batch 32", "median_s", 1e3, "ms", 2),
                                           ("one image", "median_us", 1, "µs", 1)]:
        best = {p: best_way(s, p, what, key) for p in peers}
        cells = [f"{spread(b[1], digits, scale)}{f' ({b[0]})' if b[0] else ''}" if b else "not measured"
                 for b in best.values()]
        others = [median(b[1]) for p, b in best.items() if b and p != OURS]
        own = median(best[OURS][1]) if best.get(OURS) else None
        body.append([f"{what}, {unit}", *cells, ratio(own, min(others, default=None))])
    tail = best_way(s, OURS, "one image", "p99_us")
    note = f"One image, 99th percentile of this project: {spread(tail[1], 1)} µs." if tail else ""
    return table(["", *peers, "this project / fastest peer"], body) + [note, ""]


def scaling(s: Section) -> list[str]:
    """Seconds per epoch by number of epochs; wall time of two trainings."""
    body = [[str(n), spread(s.values(f"{n} epochs", "train_s"), 3, 1 / n),
             ratio((s.med(f"{n} epochs", "train_s") or 0) / n or None,
                   (s.med("10 epochs", "train_s") or 0) / 10)] for n in (10, 20, 40)]
    out = table(["epochs", "training, s per epoch", "against 10 epochs"], body)
    one, default = s.med("one, 1 thread", "wall_s"), s.med("10 epochs", "wall_s")
    body = []
    for name, title in [("one, 1 thread", "one training, one thread"),
                        ("10 epochs", "one training, default threads"),
                        ("two at once, 1 thread each",) * 2,
                        ("two at once, default threads",) * 2]:
        wall = s.med(name, "wall_s")
        two = name.startswith("two")
        body.append([title, spread(s.values(name, "wall_s")), ratio(wall, one),
                     ratio(wall, 2 * default) if two and default else ""])
    return out + table(["two seeds", "wall, s", "/ one on one thread",
                        "/ two one after the other, default threads"], body)


def memory(s: Section) -> list[str]:
    """Peaks, and the growth by pixel."""
    body = [[name, spread(s.values(name, "peak_bytes"), 1, 1e-6)] for name in s.names()]
    grown = [(files, bytes_per_pixel(s, files)) for files in ("gzip", "plain")]
    return table(["this project", "peak memory, MB"], body) + \
        table(["files", "bytes for each added pixel"],
              [[files, "not measured" if g is None else f"{g:.3f}"] for files, g in grown])


TABLES = {
    "tutorial": ("The tutorial's job", tutorial), "sizes": ("Other batches and widths", sizes),
    "variants": ("Dropout and GELU", variants),
    "inference": ("Inference", inference), "scaling": ("More epochs, two trainings", scaling),
    "memory": ("Memory", memory),
}


def method(head: dict) -> list[str]:
    """Machine, versions, and how it was measured."""
    m = head["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in head["versions"].items())
    return [
        f"{m['cores']} cores of {m['cpu']}, {m['memory']}, {m['system']}. {versions}.", "",
        "Medians [minimum .. maximum] of the undisturbed runs. The runs of a section alternate: each "
        "program once, then each again. Each run waits for an idle second, and until the cores are real "
        "ones (the FMA peak of all against that of one). Training is the time a program reports for its own"
        " loop, including a JIT compiler; process is from start to exit, measured from outside: imports, "
        "reading the data, training, testing, and here also writing the run folder. Memory is the peak that"
        " the system reports. Every peer uses this project's data, batches, epsilon (1e-7; this project, "
        "Burn and PyTorch add it after the bias correction, Keras and the peers in JAX and NumPy before) "
        "and sums of loss and accuracy, and trains on every image; PyTorch keeps its own initial weights.",
        ""]


def notes(s: Section) -> list[str]:
    """When it was measured, and what went wrong."""
    commit = s.head["commit"] + (" with uncommitted changes" if s.head["dirty"] else "")
    text = f"Measured {s.head['date']} at commit {commit}."
    ran = [r for r in s.rows if "error" not in r]
    bad = [r for r in ran if not r.get("undisturbed")]
    kept = sum(not r.get("undisturbed") for g in s.groups() for n in s.names() for r in s.ran(n, g))
    if bad:
        text += f" {len(bad)} of {len(ran)} runs were disturbed, by other processes or by cores that " \
                f"were not real, and repeated; {kept} of them are included, as there are no better ones."
    failed = [f"- {line}" for line in failures(s)]
    return [text, "", *failed, *([""] if failed else [])]


def failures(s: Section) -> list[str]:
    """What could not be measured, and what was measured although some runs failed."""
    out = []
    for group, name in dict.fromkeys((r["group"], r["name"]) for r in s.rows if "error" in r):
        title = " ".join(filter(None, (group, name)))
        errors = [known(r) for r in s.rows if (r["group"], r["name"]) == (group, name) and "error" in r]
        if s.ran(name, group):
            out.append(f"{title}: failed runs, left out: {len(errors)}, the last with {errors[-1]}")
        else:
            out.append(f"{title}: not measured: {errors[-1]}")
    return out


def render(sections: dict[str, Section], head: dict) -> str:
    """Everything between the markers."""
    lines = ["Written by `make bench`.", "", *method(head), *hardware(head), "### Goals", ""]
    lines += table(["goal", "measured", ""], [[g.text, g.measured, g.verdict] for g in goals(sections)])
    for name, (title, make) in TABLES.items():
        if name in sections:
            lines += [f"### {title}", "", *make(sections[name]), *notes(sections[name])]
    return "\n".join(lines).rstrip() + "\n"


def check_markers(path: Path, create: bool) -> None:
    """Stops before anything is measured if the result could not be written."""
    if create and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{BEGIN}\n{END}\n")
    text = path.read_text() if path.exists() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Fatal(f"{path}: the lines `{BEGIN}` and `{END}` must each be there once, in this "
                    "order: add them where the tables belong, or name a new file with --out")


def write(path: Path, report: str) -> None:
    """Puts the report between the markers; the file is replaced as a whole or not at all."""
    check_markers(path, create=False)
    text = path.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as f:
            f.write(f"{before}{BEGIN}\n\n{report}\n{END}{after}")
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, path.stat().st_mode & 0o777)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load(path: Path) -> list[dict]:
    """The rows of all series."""
    if not path.exists():
        raise Fatal(f"{path}: no rows yet: measure first (`make bench`)")
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
