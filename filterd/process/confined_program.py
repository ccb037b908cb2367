"""Runs another program that reads what strangers wrote, after everything else was given up.

    run_confined() → python -m filterd.process.confined_program → confine() → execve(2) → exit code, output

Invariants: the program has no network, no capability, no other process, and reads `read` and the system's libraries.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from filterd.process.confinement import confine

MEMORY_OCTETS: Final = 2**30  # of address space: minisign holds what was signed in its older way


def run_confined(
    command: Sequence[str], read: Sequence[Path], timeout_s: float
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end.   Raises FileNotFoundError: it is not installed;  subprocess.TimeoutExpired."""
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    order = json.dumps({"program": program, "arguments": command[1:], "read": [str(path) for path in read]})
    return subprocess.run(
        [sys.executable, "-P", "-m", "filterd.process.confined_program", order],
        env={"PYTHONSAFEPATH": "1", "PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )


def main() -> None:
    """The process that becomes the program.   What the system lacks of the confinement, `filterd status` says."""
    order = json.loads(sys.argv[1])
    program = Path(order["program"])
    there = [path for path in map(Path, order["read"]) if path.exists()]
    confine([*there, program], [], memory_octets=MEMORY_OCTETS, becomes_another=True)
    os.execve(program, [program.name, *order["arguments"]], {"LC_ALL": "C", "PATH": os.defpath})


if __name__ == "__main__":
    main()
