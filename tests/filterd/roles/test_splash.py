import contextlib
import http.client
import socket
from pathlib import Path

import pytest
from support.system.daemon import Daemon

N_SLOW = 1000
N_BODIES = 100
BODY_OCTETS = 16 << 20
MOST_OCTETS = 256 << 20  # MemoryMax= of the unit


def visited(daemon: Daemon, host: str, path: str = "/") -> tuple[int, str]:
    """What a visitor sees."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, timeout=20)) as visit:
        visit.request("GET", path, headers={"Host": host})
        answer = visit.getresponse()
        return answer.status, answer.read().decode()


def memory_of(daemon: Daemon, role: str) -> int:
    """The most that a role has had resident, in octets."""
    pid = (daemon.folder / "run" / f"{role}.pid").read_text().strip()
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


@pytest.mark.services
def test_the_splash_says_that_a_name_is_closed_by_law_and_not_which_order_or_list_it_is(daemon: Daemon) -> None:
    status, text = visited(daemon, "listed.test")

    assert status == 451
    assert "listed.test" not in text and "PTA-1" not in text


@pytest.mark.services
def test_the_splash_answers_any_path_also_for_a_name_that_nothing_blocks(daemon: Daemon) -> None:
    assert visited(daemon, "other.test", "/any/path")[0] == 404


@pytest.mark.services
def test_visitors_get_in_while_a_thousand_are_slow_and_large_bodies_come(daemon: Daemon) -> None:
    with contextlib.ExitStack() as open_:
        for at in range(N_SLOW):
            slow = open_.enter_context(socket.socket())
            slow.bind((f"127.0.{1 + at // 200}.{1 + at % 200}", 0))
            slow.connect(("127.0.0.1", daemon.splash))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: slow.test\r\nX-Slow: ")
        for _ in range(N_BODIES):
            body = open_.enter_context(socket.create_connection(("127.0.0.1", daemon.splash)))
            body.setblocking(False)
            body.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % BODY_OCTETS)
            with contextlib.suppress(OSError):  # its buffer is full, or we have hung up
                body.send(b"x" * (1 << 20))

        seen = [visited(daemon, "listed.test")[0] for _ in range(20)]

    assert seen == [451] * 20
    assert memory_of(daemon, "splash-0") < MOST_OCTETS
