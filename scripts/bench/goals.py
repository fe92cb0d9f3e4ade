"""The project's goals, compared with the measurements."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from rows import OURS, Section, best_way, bytes_per_pixel, last_over_second, steady


@dataclass
class Goal:
    """One line of the list."""

    text: str
    measured: str
    verdict: str


def goal(text: str, value: float | None, most: float, show: str = "{:.2f}", strict: bool = False) -> Goal:
    """Reached if the value is at most (or, `strict`, below) this; judged before it is rounded."""
    if value is None:
        return Goal(text, "", "not measured")
    reached = value < most if strict else value <= most
    return Goal(text, show.format(value), "reached" if reached else "**not reached**")


def over(a: float | None, b: float | None) -> float | None:
    """A ratio, if both are there."""
    return a / b if a is not None and b else None


def goals(sections: dict[str, Section]) -> list[Goal]:
    """All of them, in one list."""
    none = Section([], {})
    tutorial, memory, scaling = (sections.get(n, none) for n in ("tutorial", "memory", "scaling"))
    keras = tutorial.med("Keras, the notebook", "wall_s")
    trained, process = tutorial.med(OURS, "train_s"), tutorial.med(OURS, "wall_s")
    last = last_over_second(tutorial, OURS)
    peak = memory.med("10 epochs", "peak_bytes")
    against = over(trained, tutorial.med(tutorial.fastest("train_s"), "train_s"))
    out = [
        goal("training at most 0.65 x the fastest peer's", against, 0.65),
        goal("aim: 0.5 x", against, 0.5),
        goal("process at most 0.5 x the fastest peer's",
             over(process, tutorial.med(tutorial.fastest("wall_s"), "wall_s")), 0.5),
        goal("process at most 1/15 of the Keras notebook's", over(process, keras), 1 / 15, "{:.3f}"),
        goal("last epoch as fast as the second (at most 1.05 x)", median(last) if last else None, 1.05),
        *inference(sections.get("inference", none)),
        goal("peak memory of the tutorial below 200 MB", peak and peak / 1e6, 200, "{:.0f} MB", True),
        *(goal(f"at most 1.0 bytes of memory for each added pixel, {files} files",
               bytes_per_pixel(memory, files), 1.0, "{:.3f}") for files in ("gzip", "plain")),
    ]
    sizes = sections.get("sizes", none)
    for group in sizes.groups() or ["other batches and widths"]:
        out.append(goal(f"{group}: an epoch at most 1.0 x the fastest peer's", size(sizes, group), 1.0))
    two, one = scaling.med("two at once, 1 thread each", "wall_s"), scaling.med("one, 1 thread", "wall_s")
    out.append(goal("two seeds at once, one thread each, at most 1.15 x one on one thread",
                    over(two, one), 1.15))
    return out


def size(s: Section, group: str) -> float | None:
    """Ours over the fastest peer's, by the median epoch."""
    times = {name: steady(s, name, group) for name in s.names()}
    peers = [median(t) for name, t in times.items() if t and name != OURS]
    return over(median(times[OURS]), min(peers, default=None)) if times.get(OURS) else None


def inference(s: Section) -> list[Goal]:
    """10,000 images and one."""
    best = {p: best_way(s, p, "10000 at once", "median_s")
            for p in dict.fromkeys(n.split(",")[0] for n in s.names())}
    own, one = best.get(OURS), best_way(s, OURS, "one image", "median_us")
    peers = [median(b[1]) for p, b in best.items() if b and p != OURS]
    value = over(median(own[1]), min(peers, default=None)) if own else None
    return [goal("10,000 images at most 1.0 x the fastest peer's time", value, 1.0),
            goal("one image in at most 15 µs", median(one[1]) if one else None, 15, "{:.1f} µs")]
