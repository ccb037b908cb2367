import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.packets.shapes import question
from support.system.daemon import DEADLINE_S, Daemon, eventually
from support.system.ports import free_port

from filterd.cli import main


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that is not started: for its command line, environment, lists and upstream."""
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.upstream.socket.close()


@pytest.mark.services
def test_the_front_alone_blocks_a_listed_name_and_forwards_another(stopped: Daemon) -> None:
    stopped.upstream.start()
    port = free_port()
    listed = f"{stopped.folder / 'adult.txt'},tier=order"
    said = ["--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{stopped.upstream.port}", "--list", listed]

    def ask(name: bytes) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.2)
            asking.sendto(question(name), ("127.0.0.1", port))
            try:
                return asking.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                return b""

    with subprocess.Popen(stopped.command("dns", *said, "--splash4", "192.0.2.1"), env=stopped.env()) as running:
        try:
            assert bytes((192, 0, 2, 1)) in eventually(lambda: ask(b"www.adult.test"), "the front")
            assert bytes((198, 51, 100, 7)) in eventually(lambda: ask(b"other.test"), "the upstream")
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait(DEADLINE_S) == 0


@pytest.mark.services
def test_an_address_that_cannot_be_had_is_a_missing_part(stopped: Daemon) -> None:
    lists = str(stopped.folder / "adult.txt")
    said = ["--listen", "192.0.2.200:5353", "--upstream", "192.0.2.53:53", "--list", lists]

    done = stopped.run("dns", *said)

    assert done.returncode == 3
    assert "is the address on this box" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ["--listen", "here", "--upstream", "192.0.2.53:53"],
        ["--listen", "127.0.0.1:5353", "--upstream", "resolver.test:53"],
        ["--listen", "127.0.0.1:5353", "--upstream", "tls://192.0.2.53:853#"],
        ["--listen", "127.0.0.1:5353", "--upstream", "tls://192.0.2.53:853", "--upstream-ca", "/nowhere.pem"],
        ["--listen", "127.0.0.1:5353", "--upstream", "192.0.2.53:53", "--workers", "0"],
        ["--listen", "127.0.0.1:5353", "--upstream", "192.0.2.53:53", "--cache", "1KiB"],
        ["--listen", "127.0.0.1:5353", "--upstream", "192.0.2.53:53", "--splash4", "2001:db8::1"],
    ],
)
def test_wrong_use_is_exit_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dns", *wrong]) == 2
    assert capsys.readouterr().err.startswith("filterd dns: ")
