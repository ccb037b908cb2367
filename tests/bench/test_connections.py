"""The client and server of the gate's benchmarks: what they count is what has happened."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.packets.builders import hello
from support.system.ports import free_port

from bench.flood import write_messages
from filterd.lab.patience import Patience
from filterd.lab.processes import wait_until

pytestmark = pytest.mark.services

SOURCE = Path(__file__).parents[2] / "bench/connections.c"
HOST, SECONDS = "127.0.0.1", 0.2
PATIENCE_S = 20  # on a machine that others use, either end may wait for the processor all the while


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("connections") / "connections"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, SOURCE], check=True)
    return path


@pytest.fixture
def hellos(tmp_path: Path) -> Path:
    write_messages(tmp_path / "hellos", [hello(b"www.allowed.test", padding=length) for length in (10, 1700, 3200)])
    return tmp_path / "hellos"


@pytest.fixture
def port() -> int:
    return free_port()


def undisturbed(load: Callable[[], dict[str, float]], n_least: int = 0, ends: str = "answered") -> dict[str, float]:
    """What a load finds that has begun more than `n_least` connections, which all ended so; the last one, past
    PATIENCE_S."""
    found, patience = load(), Patience(PATIENCE_S)
    while (found["begun"] <= n_least or found[ends] != found["begun"]) and not patience.is_over():
        found = load()
    return found


@pytest.fixture(params=["serve"])
def server(program: Path, port: int, request: pytest.FixtureRequest) -> Iterator[None]:
    def is_there() -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((HOST, port)) == 0

    process = subprocess.Popen([program, request.param, HOST, str(port)])
    try:
        wait_until(is_there, "the server")
        yield
    finally:
        process.kill()
        process.wait()


def connect(program: Path, mode: str, port: int, hellos: Path, value: int) -> dict[str, float]:
    argv = [program, mode, HOST, port, hellos, SECONDS, HOST, value]
    said = subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


@pytest.mark.usefixtures("server")
def test_every_connection_of_a_flood_has_its_answer(program: Path, port: int, hellos: Path) -> None:
    found = undisturbed(lambda: connect(program, "flood", port, hellos, 8), 100)

    assert found["answered"] == found["begun"] > 100
    assert (found["failed"], found["reset"]) == (0, 0)


@pytest.mark.usefixtures("server")
def test_paced_connections_are_begun_or_skipped_and_each_is_timed(program: Path, port: int, hellos: Path) -> None:
    found = undisturbed(lambda: connect(program, "paced", port, hellos, 500))

    assert found["answered"] == found["begun"] > 0
    assert found["begun"] + found["skipped"] <= 500 * SECONDS
    assert 0 < found["p50_us"] <= found["p99_us"] <= found["longest_us"]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("server", ["pour"], indirect=True)
def test_a_pouring_server_is_pulled_from(program: Path, port: int, hellos: Path) -> None:
    assert connect(program, "pull", port, hellos, 1)["gbit_per_s"] > 0


def test_where_nobody_listens_connections_fail(program: Path, port: int, hellos: Path) -> None:
    found = undisturbed(lambda: connect(program, "flood", port, hellos, 2), ends="failed")

    assert found["failed"] == found["begun"] > 0


def test_a_connection_that_is_reset_after_its_hello_is_counted_apart(program: Path, port: int, hellos: Path) -> None:
    resetting = (
        "import socket, struct, sys\n"
        "listening = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print(flush=True)\n"
        "while True:\n"
        "    one, _ = listening.accept()\n"
        "    one.recv(1)\n"
        "    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\n"
        "    one.close()\n"
    )
    with subprocess.Popen(["python3", "-c", resetting, str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = undisturbed(lambda: connect(program, "paced", port, hellos, 100), ends="reset")
        process.kill()

    assert found["reset"] == found["begun"] > 0
