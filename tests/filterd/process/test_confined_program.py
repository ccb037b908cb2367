import socket
from pathlib import Path

import pytest

from filterd.process.confined_program import run_confined

pytestmark = pytest.mark.services


def test_a_program_reads_what_it_may_and_says_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("a.example")
    (tmp_path / "other").write_text("b.example")

    given = run_confined(["cat", str(tmp_path / "given")], [tmp_path / "given"], 60)
    other = run_confined(["cat", str(tmp_path / "other")], [tmp_path / "given"], 60)

    assert (given.returncode, given.stdout) == (0, b"a.example")
    assert (other.returncode != 0, other.stdout) == (True, b"")


def test_a_program_writes_nothing_not_even_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("a.example")

    done = run_confined(["bash", "-c", f"echo b > {tmp_path}/given"], [tmp_path / "given"], 60)

    assert done.returncode != 0
    assert (tmp_path / "given").read_text() == "a.example"


def test_a_program_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = run_confined(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], [], 60)

    assert done.returncode != 0
    assert b"Operation not permitted" in done.stderr


def test_a_program_starts_no_process() -> None:
    done = run_confined(["bash", "-c", "echo a; (echo b)"], [], 60)

    assert done.stdout == b"a\n"


def test_a_program_that_is_not_there_is_said_so() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-program is not installed"):
        run_confined(["no-such-program"], [], 60)
