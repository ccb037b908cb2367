"""DNS load from bench/flood.c: compiled by gcc into a folder of the caller's, held on a core of its own.

Why not dnsperf: by itself it tops out near 150,000 queries/s, and paced it pauses for tens of milliseconds.  What is
measured, and how, stands at the top of flood.c.
"""

import contextlib
import ctypes
import json
import os
import random
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("flood.c")
N_SOCKETS, WINDOW = 8, 128  # 1,024 under way: the servers' batches are full, and their buffers are not
N_PACED_SOCKETS = 4  # each is looked at in every turn of a spinning loop
ONCE_S = 60  # after which a server is too slow to be measured
HEADER = b"\0\0\1\0\0\1" + bytes(6)  # id (the flooder's), RD, one question
A, IN = 1, 1
CLONE_NEWNET = 0x40000000  # <linux/sched.h>

Figures = dict[str, float]


def blocked(listed: Sequence[str], n: int) -> Iterator[str]:
    """Give `n` names: half of them listed ones, half something below one."""
    draw = random.Random(1)
    for i in range(n):
        yield f"{'www.' if i % 2 else ''}{draw.choice(listed)}"


def write_queries(path: Path, names: Iterable[str]) -> None:
    """Prepare a query for A of each of these names, letters, digits and hyphens, in this order."""
    tail = bytes((0, 0, A, 0, IN))
    write_messages(
        path,
        (
            HEADER + b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + tail
            for name in names
        ),
    )


def write_messages(path: Path, messages: Iterable[bytes]) -> None:
    """The same for messages of any content, of 12 octets at least; the first two are the flooder's."""
    with path.open("wb") as out:
        out.writelines(len(message).to_bytes(2, "big") + message for message in messages)


def leave_for_own_network() -> None:
    """Let this process, and all that it starts, see nothing but a loopback of their own: no rules, no other sockets.

    For a process of one thread.  Without root it stays where it is."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)  # os.unshare() is of Python 3.12
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def free_port() -> int:
    """A UDP port that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


class Flooder:
    """The compiled program.   folder  where it is put;  core  where load runs.   Raises CalledProcessError."""

    def __init__(self, folder: Path, core: int) -> None:
        self._program, self._core = folder / "flood", core
        subprocess.run(["gcc", "-O2", "-o", self._program, SOURCE], check=True)

    def flood(self, port: int, queries: Path, seconds: float) -> Figures:
        """As many queries as are answered, N_SOCKETS × WINDOW under way."""
        return self._run("flood", port, queries, seconds, N_SOCKETS, WINDOW)

    def flood_once(self, port: int, queries: Path) -> Figures:
        """Each query once: what fills a cache."""
        return self._run("once", port, queries, ONCE_S, N_SOCKETS, WINDOW)

    def paced(self, port: int, queries: Path, seconds: float, rate: float) -> Figures:
        """`rate` queries a second, whatever is answered, each timed."""
        return self._run("paced", port, queries, seconds, N_PACED_SOCKETS, round(rate))

    def paced_first(self, port: int, queries: Path, seconds: float, rate: float) -> Figures:
        """Likewise, on a core that others keep busy: they get what this load leaves.   Needs root."""
        return self._run("first", port, queries, seconds, N_PACED_SOCKETS, round(rate))

    @contextlib.contextmanager
    def echo(self, port: int, core: int) -> Iterator[int]:
        """A server that has its answer ready, as long as the block lasts: the ceiling, or a fast upstream.

        Gives its process."""
        process = subprocess.Popen(["taskset", "-c", str(core), self._program, "echo", str(port)])
        try:
            yield process.pid
        finally:
            process.kill()
            process.wait()

    def _run(self, mode: str, port: int, queries: Path, *rest: float) -> Figures:
        argv = ["taskset", "-c", self._core, self._program, mode, port, queries, *rest]
        said = subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.PIPE, text=True).stdout
        found: Figures = json.loads(said)
        return found
