"""The rows of a section, and the figures that tables and goals share."""

from __future__ import annotations

from statistics import median

OURS, BURN = "this project", "Burn's Learner, its defaults"
PLAIN = "plain"      # the variant of an experiment that has none
IMAGES, EPOCHS, BATCH, PIXELS = 60_000, 10, 32, 784
SHAPE = [PIXELS, 128, 10]


class Section:
    """The rows of one section of one series."""

    def __init__(self, rows: list[dict], head: dict):
        self.rows, self.head = rows, head

    def names(self) -> list[str]:
        """In the order they ran."""
        return list(dict.fromkeys(r["name"] for r in self.rows))

    def groups(self) -> list[str]:
        """In the order they ran."""
        return list(dict.fromkeys(r["group"] for r in self.rows))

    def ran(self, name: str, group: str = "") -> list[dict]:
        """The runs that ended well: those that nothing disturbed, or all if there are none."""
        ended = [r for r in self.rows
                 if r["name"] == name and r["group"] == group and "error" not in r]
        return [r for r in ended if r.get("undisturbed")] or ended

    def count(self, name: str, group: str = "") -> int:
        """How many did."""
        return len(self.ran(name, group))

    def values(self, name: str, key: str, group: str = "") -> list:
        """One figure of each run."""
        return [r[key] for r in self.ran(name, group) if r.get(key) is not None]

    def med(self, name: str | None, key: str) -> float | None:
        """Its median, if it was measured."""
        values = self.values(name, key) if name else []
        return median(values) if values else None

    def fastest(self, key: str) -> str | None:
        """The peer (not we, not Burn) with the least median."""
        peers = {n: self.med(n, key) for n in self.names()
                 if n != BURN and not any(r["ours"] for r in self.rows if r["name"] == n)}
        peers = {n: v for n, v in peers.items() if v is not None}
        return min(peers, key=peers.get, default=None)


def latest(rows: list[dict]) -> tuple[dict[str, Section], dict]:
    """Of every section the last series that completed it, and the last series's head."""
    heads = {r["series"]: r["head"] for r in rows if "head" in r}
    sections = {}
    for done in (r for r in rows if "complete" in r):
        mine = [r for r in rows
                if r["series"] == done["series"] and r.get("section") == done["complete"]]
        sections[done["complete"]] = Section(mine, heads[done["series"]])
    return sections, list(heads.values())[-1] if heads else {}


def known(row: dict) -> str:
    """An error, fit for a table."""
    return row["error"].replace("|", "/").replace("\n", " ")


def flops(shape: list[int], images: int) -> float:
    """Multiplications and additions of training: forward, weights' gradients, activations' but for
    the first layer's."""
    products = [a * b for a, b in zip(shape, shape[1:])]
    return images * 2.0 * (2 * sum(products) + sum(products[1:]))


def limit_seconds(head: dict, row: dict | None = None) -> float | None:
    """The least the tutorial can take: its FLOPs at the FMA peak, then Adam's updates."""
    rows = head.get("limit", [])
    if not rows:
        return None
    row = row or max(rows, key=lambda r: r["gflops"])
    steps = EPOCHS * -(-IMAGES // BATCH)
    return flops(SHAPE, IMAGES * EPOCHS) / (row["gflops"] * 1e9) + steps * row["adam_us"] * 1e-6


def last_over_second(s: Section, name: str) -> list[float]:
    """Seconds of the last epoch over those of the second, of each run."""
    return [e[-1] / e[1] for e in s.values(name, "epoch_s") if len(e) > 2]


def steady(s: Section, name: str, group: str) -> list[float]:
    """The epochs of all runs but each run's first."""
    return [t for epochs in s.values(name, "epoch_s", group) for t in epochs[1:]]


def plain_group(group: str) -> str:
    """The group of the same network without its variant."""
    return f"{group.rpartition(', ')[0]}, {PLAIN}"


def best_way(s: Section, peer: str, what: str, key: str) -> tuple[str, list[float]] | None:
    """The way (a call, a number of threads) with the least median, and its figure in each run."""
    ways: dict[str, list[float]] = {}
    names = [name for name in s.names() if name.split(",")[0] == peer]
    for row in (row for name in names for row in s.ran(name)):
        threads = row["name"].partition(", ")[2]
        times = row.get("times", {}).get(what, {})
        for way, figures in ({"": times} if key in times else times).items():
            if isinstance(figures, dict) and key in figures:
                ways.setdefault(", ".join(filter(None, (way, threads))), []).append(figures[key])
    return min(ways.items(), key=lambda w: median(w[1]), default=None)


def bytes_per_pixel(s: Section, files: str) -> float | None:
    """How much the peak grows, from `gzip` or `plain` files, with ten times the training images."""
    one, ten = s.med("1 epoch", "peak_bytes"), s.med(f"1 epoch, 10 x images, {files} files", "peak_bytes")
    return None if one is None or ten is None else (ten - one) / (9 * IMAGES * PIXELS)
