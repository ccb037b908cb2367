"""Plays an attacker against filterd, on a loopback of its own, and prints a line for each drill: sent, lost, shown.

    python tests/hostile/run.py             all drills, each in a process of its own
    python tests/hostile/run.py streams     one of them, in this process

A drill is a module of this folder with `drill(folder) -> str`, named in DRILLS.  Its goals stand at its top: one that
misses a goal raises AssertionError with its line, and this program ends with another code than 0.  Times depend on the
machine, and are compared within one run.
"""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # the packages lie beside tests/
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

DRILLS = ("images", "streams", "reflection", "splash_flood", "confidential_oracle", "marker")


def main(names: list[str]) -> int:
    """Play drills; the number of those that missed a goal, or were not played to their end."""
    if not names:
        return sum(subprocess.run([sys.executable, "-P", __file__, name], check=False).returncode for name in DRILLS)
    return sum(not play(name) for name in names)


def play(name: str) -> bool:
    """Play one drill and print its line; whether its goals were reached."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            print(importlib.import_module(f"hostile.{name}").drill(Path(folder)), flush=True)
        except AssertionError as missed:
            print(f"MISSED: {missed}", flush=True)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
