"""The project's goals, compared with the measurements."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from rows import (EPOCHS, OURS, Section, best_way, bytes_per_pixel, last_over_second, limit_seconds,
                  plain_group, steady)


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
        goal("training at most 0.5 x the fastest peer's", against, 0.5),
        *epoch(tutorial),
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
    out += variants(sections.get("variants", none))
    two, one = scaling.med("two at once, 1 thread each", "wall_s"), scaling.med("one, 1 thread", "wall_s")
    out.append(goal("two seeds at once, one thread each, at most 1.15 x one on one thread",
                    over(two, one), 1.15))
    return out


def epoch(s: Section) -> list[Goal]:
    """The tutorial's epoch, without anybody's compiler."""
    times = {name: [t for epochs in s.values(name, "epoch_s") for t in epochs[1:]] for name in s.names()}
    peers = [median(t) for name, t in times.items() if t and name.startswith("JAX")]
    own = median(times[OURS]) if times.get(OURS) else None
    limit = limit_seconds(s.head) if s.rows else None
    return [goal("an epoch at most 0.56 x JAX's", over(own, min(peers, default=None)), 0.56),
            goal("an epoch at most 1.12 x the limit of the hardware",
                 over(own, limit / EPOCHS if limit else None), 1.12)]


def variants(s: Section) -> list[Goal]:
    """Dropout and GELU, against JAX and against the same network without."""
    out = []
    for group in s.groups():
        own, plain = steady(s, OURS, group), steady(s, OURS, plain_group(group))
        own, plain = (median(times) if times else None for times in (own, plain))
        out.append(goal(f"{group}: an epoch at most 0.65 x JAX's", size(s, group), 0.65))
        if group != plain_group(group):
            out.append(goal(f"{group}: at most 1.35 x the plain network", over(own, plain), 1.35))
    return out or [goal("dropout and GELU: an epoch at most 0.65 x JAX's", None, 0.65)]


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
