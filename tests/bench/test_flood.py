"""The flooder: it counts what was asked and answered, and what was not."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.system.ports import free_port

from bench.flood import Figures, Flooder, write_queries
from filterd.lab.patience import Patience
from filterd.lab.processes import wait_until

pytestmark = pytest.mark.services

SECONDS = 0.2
PATIENCE_S = 20  # on a machine that others use, either end may wait for the processor all the while


@pytest.fixture
def flooder(tmp_path: Path) -> Flooder:
    return Flooder(tmp_path, 0)


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    write_queries(tmp_path / "queries", [f"n{number}.test" for number in range(200)])
    return tmp_path / "queries"


@pytest.fixture
def free() -> Iterator[socket.socket]:
    """A bound port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        yield opened


def undisturbed(load: Callable[[], Figures], n_least: int = 0) -> Figures:
    """What a load finds that has sent more than `n_least` queries and lost none; the last one, past PATIENCE_S."""
    found, patience = load(), Patience(PATIENCE_S)
    while (found["sent"] <= n_least or found["lost"]) and not patience.is_over():
        found = load()
    return found


@pytest.fixture
def echo(flooder: Flooder) -> Iterator[int]:
    port = free_port()
    with flooder.echo(port, 0), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.05)
        asking.connect(("127.0.0.1", port))

        def is_there() -> bool:
            with contextlib.suppress(OSError):
                asking.send(b"\1\2\1\0\0\1" + bytes(6) + b"\1n\4test\0\0\1\0\1")
                return asking.recv(512).endswith(bytes((198, 51, 100, 10)))
            return False

        wait_until(is_there, "the echo")
        yield port


def test_every_query_of_a_flood_has_its_answer(flooder: Flooder, queries: Path, echo: int) -> None:
    found = undisturbed(lambda: flooder.flood(echo, queries, SECONDS), 200)

    assert found["answered"] == found["sent"] == found["noerror"] > 200
    assert (found["lost"], found["unasked"], found["other"]) == (0, 0, 0)


def test_paced_queries_are_sent_or_skipped_and_each_is_timed(flooder: Flooder, queries: Path, echo: int) -> None:
    found = undisturbed(lambda: flooder.paced(echo, queries, SECONDS, 5000))

    assert found["answered"] == found["sent"]
    assert found["sent"] + found["skipped"] <= 5000 * SECONDS
    assert 0 < found["p50_us"] <= found["p99_us"] <= 1e3 * found["longest_ms"]


def test_a_load_that_comes_first_leaves_its_core_to_others_and_times_as_well(
    flooder: Flooder, queries: Path, echo: int
) -> None:
    found = undisturbed(lambda: flooder.paced_first(echo, queries, SECONDS, 5000))

    assert found["answered"] == found["sent"] > 0
    assert found["sent"] + found["skipped"] <= 5000 * SECONDS
    assert 0 < found["p50_us"] <= found["p99_us"] <= 1e3 * found["longest_ms"]


def test_what_nobody_answers_is_lost(flooder: Flooder, queries: Path, free: socket.socket) -> None:
    found = flooder.flood(free.getsockname()[1], queries, SECONDS)

    assert found["answered"] == 0
    assert found["lost"] == found["sent"] > 0
