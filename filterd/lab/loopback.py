"""The loopback as a place for the demo without root: each party is a loopback address, ports are high.

Absent on purpose: packets.  Nothing is forwarded, so the gate has nothing to inspect.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from filterd.lab.addresses import LOOPBACK, Addresses
from filterd.lab.processes import Done, Programs, Running, run


class Loopback:
    """A `Place` without namespaces; `node` only names the log."""

    def __init__(self, directory: Path, addresses: Addresses = LOOPBACK) -> None:
        self.directory, self.addresses = directory, addresses
        self.programs = Programs(directory / "logs")

    def run(self, node: str, argv: Sequence[str], stdin: str | None = None, timeout_s: float = 30.0) -> Done:
        del node  # there is but one
        return run(argv, stdin, timeout_s)

    def popen(self, node: str, argv: Sequence[str], log: str = "") -> Running:
        return self.programs.start(argv, f"{node}-{log or Path(argv[0]).name}")

    def stop(self, program: Running) -> None:
        self.programs.stop(program)


@contextlib.contextmanager
def loopback(directory: Path, addresses: Addresses = LOOPBACK) -> Iterator[Loopback]:
    """Use this box as a place; all programs are stopped at the end."""
    place = Loopback(directory, addresses)
    try:
        yield place
    finally:
        place.programs.stop_all()
