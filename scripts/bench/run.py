#!/usr/bin/env python3
"""The side-by-side benchmark: this project against JAX, NumPy, PyTorch and Keras.

Builds the program, installs the peers in throw-away environments, runs everything in turns on an
idle machine, prints tables, and writes them into docs/performance.md between its two markers.
Environments and raw rows are kept in $BENCH_DIR (~/.cache/trainer-bench; about 8 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True      # no __pycache__ in the repository
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

import environments
import measure
import plan
import report
from environments import ROOT, Fatal, say
from rows import latest


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sections", default=",".join(plan.SECTIONS), metavar="A,B",
                   help="what to measure (default: %(default)s)")
    p.add_argument("--turns", type=int, default=5, metavar="N", help="runs of each (default: 5)")
    p.add_argument("--slow-turns", type=int, default=2, metavar="N",
                   help="runs of Keras and of PyTorch's DataLoader (default: 2)")
    p.add_argument("--quick", action="store_true",
                   help="one run of each, kept apart; writes no documentation unless --out names it")
    p.add_argument("--out", type=Path, metavar="FILE",
                   help="write the tables here (default: docs/performance.md)")
    p.add_argument("--report-only", action="store_true", help="write tables from existing rows")
    p.add_argument("--python", default=sys.executable, metavar="P",
                   help="interpreter of the peers' environments (default: this one)")
    p.add_argument("--wait", type=float, default=60, metavar="S",
                   help="most seconds to wait for an idle machine before a run (default: 60)")
    args = p.parse_args()
    args.sections = [s for s in args.sections.split(",") if s]
    wrong = [s for s in args.sections if s not in plan.SECTIONS]
    if wrong or not args.sections:
        p.error(f"no section {', '.join(wrong) or 'given'}; there are {', '.join(plan.SECTIONS)}")
    if args.quick:
        args.turns = args.slow_turns = 1
    if args.turns < 1 or args.slow_turns < 1:
        p.error("--turns and --slow-turns must be 1 or more")
    return args


def describe(setup: environments.Setup, wait: float) -> dict:
    """What all rows of a series share; measures what the hardware allows."""
    commit, dirty = environments.commit()
    measure.settle(measure.Cores(setup.limit), wait)
    return {"date": time.strftime("%Y-%m-%d"), "commit": commit, "dirty": dirty,
            "machine": environments.machine(), "versions": setup.versions,
            "missing": setup.missing, "limit": environments.limits(setup)}


def measure_sections(args: argparse.Namespace, bench_dir: Path, rows_file: Path) -> None:
    """Appends rows to the file. A section counts from the row that says it is complete."""
    peers = set().union(*(plan.NEEDS[s] for s in args.sections))
    setup = environments.prepare(bench_dir, args.python, peers)
    series = time.strftime("%Y%m%dT%H%M%S")
    with rows_file.open("a") as out, tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        def put(row: dict) -> None:
            out.write(json.dumps({"series": series, **row}) + "\n")
            out.flush()

        put({"head": describe(setup, args.wait)})
        say("preparing the jobs")
        jobs = {s: plan.JOBS[s](setup, args.turns, args.slow_turns, Path(scratch))
                for s in args.sections}
        for i, section in enumerate(args.sections):
            later = sum(measure.estimate(jobs[s], 0, 0, {}) for s in args.sections[i + 1:])
            measure.measure_all(jobs[section], setup, args.wait, put, later)
            put({"complete": section})


def main() -> int:
    args = arguments()
    bench_dir = Path(os.environ.get("BENCH_DIR") or Path.home() / ".cache" / "trainer-bench")
    rows_file = bench_dir / ("rows-quick.jsonl" if args.quick else "rows.jsonl")
    target = args.out or (None if args.quick else ROOT / "docs" / "performance.md")
    if target:
        report.check_markers(target, create=args.out is not None)
    if not args.report_only:
        measure_sections(args, bench_dir, rows_file)
    sections, head = latest(report.load(rows_file))
    if not sections:
        raise Fatal(f"{rows_file}: no section was measured to its end yet: run `make bench`")
    text = report.render(sections, head)
    print(text)
    if target:
        report.write(target, text)
        say(f"written: {target}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except Fatal as problem:
        say(f"error: {problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("stopped; the rows so far are kept, the documentation is untouched")
        sys.exit(130)
