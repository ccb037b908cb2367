"""Two trees beside each other: the same benchmarks in turns, old new new old, and the ratio of each figure.

    python bench/compare.py OTHER_TREE names gate_queue       this tree against another one, each built by its own make
    python bench/compare.py OTHER_TREE --turns 4 gate_live

Figures of two runs on two days are not comparable; those of one run in turns are.  Shown is the median of the turns of
each tree, and their ratio: below 1 is less time or memory here than there, of what a key counts per second the reverse.
"""

import argparse
import json
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
MEASURE_ONE = (
    "import json, runpy, sys; run = runpy.run_path('bench/run.py'); print(json.dumps(run['measure'](sys.argv[1])))"
)
Turns = dict[str, list[float]]


def measure(tree: Path, name: str) -> dict[str, float]:
    """The figures of one benchmark of a tree, by that tree's interpreter and its own benchmark."""
    command = [str(tree / ".venv/bin/python"), "-P", "-c", MEASURE_ONE, name]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=tree).stdout
    figures: dict[str, float] = json.loads(shown.splitlines()[-1])
    return figures


def compare(other: Path, name: str, turns: int) -> tuple[Turns, Turns]:
    """What both trees measured in their turns: the other one's and this one's."""
    there: Turns = {}
    here: Turns = {}
    for turn in range(turns):
        order = [(other, there), (HERE, here)]
        for tree, into in order if turn % 2 == 0 else reversed(order):
            for key, value in measure(tree, name).items():
                into.setdefault(key, []).append(value)
    return there, here


def shown(there: Turns, here: Turns) -> list[str]:
    """One line a figure that both trees have."""
    lines = []
    for key in here:
        if key in there:
            before, after = statistics.median(there[key]), statistics.median(here[key])
            ratio = after / before if before else float("nan")
            lines.append(f"{key:<48} {before:>14.6g} {after:>14.6g} {ratio:>8.3f}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("other", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args(arguments)
    for name in given.names:
        there, here = compare(given.other.resolve(), name, given.turns)
        print(f"{name:<48} {'there':>14} {'here':>14} {'ratio':>8}", *shown(there, here), sep="\n", flush=True)


if __name__ == "__main__":
    main()
