"""Plays an attacker against filterd, on a loopback of its own, and prints a line for each drill: sent, lost, shown.

    python tests/hostile/run.py             all drills, each in a process of its own
    python tests/hostile/run.py streams     one of them, in this process

A drill is a module of this folder with `drill(folder) -> str`, named in DRILLS.  Goals stand at its top, and the
figures depend on the machine; one that finds a wall broken fails, and says at which.
"""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # the packages lie beside tests/
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

DRILLS = ("images", "streams", "splash_flood", "confidential_oracle")


def main(names: list[str]) -> int:
    """Play drills; the number that failed to be played."""
    if not names:
        return sum(subprocess.run([sys.executable, "-P", __file__, name], check=False).returncode for name in DRILLS)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(importlib.import_module(f"hostile.{name}").drill(Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
