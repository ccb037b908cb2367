import contextlib
import http.client
import json
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.mgmt.signing import ORIGIN, keep_vouched, signed, signer
from support.system.daemon import Daemon, eventually

from filterd.config import load
from filterd.process.database.access import database_of
from mgmt.web.splash.pages import STATUS
from parental.store.database import open_database, writing

N_SLOW = 1000
N_BODIES = 100
BODY_OCTETS = 16 << 20
MOST_OCTETS = 256 << 20  # MemoryMax= of the unit
WITHOUT_REASON = STATUS["unknown"]


def visited(daemon: Daemon, host: str, path: str = "/") -> tuple[int, str]:
    """What a visitor sees."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, timeout=60)) as visit:
        visit.request("GET", path, headers={"Host": host})
        answer = visit.getresponse()
        return answer.status, answer.read().decode()


def page_of_law(daemon: Daemon) -> str:
    """What a visitor of a listed name sees; past 2 s without a word of control, it would be a page without a reason."""

    def page() -> str:
        status, text = visited(daemon, "listed.test")
        return text if status == 451 else ""

    return eventually(page, "the page of the law")


def pid_of(daemon: Daemon, role: str) -> str:
    return (daemon.folder / "run" / f"{role}.pid").read_text().strip()


def memory_of(daemon: Daemon, role: str) -> int:
    """The most that a role has had resident, in octets."""
    [line] = [
        line
        for line in Path(f"/proc/{pid_of(daemon, role)}/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return int(line.split()[1]) << 10


@pytest.mark.services
def test_the_splash_says_that_a_name_is_closed_by_law_and_not_which_order_or_list_it_is(daemon: Daemon) -> None:
    text = page_of_law(daemon)

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

        seen = {visited(daemon, "listed.test")[0] for _ in range(20)}  # each gets a page, and at once
        page_of_law(daemon)

    assert seen <= {451, WITHOUT_REASON}  # that, where control had no time to give one
    assert memory_of(daemon, "splash-0") < MOST_OCTETS


@pytest.fixture
def signing(tmp_path: Path) -> Iterator[Daemon]:
    """One whose desk has passkeys."""
    running = Daemon(tmp_path)
    said = json.loads(running.config.read_text())
    said["api"] |= {"desk_origin": ORIGIN} | yaml.safe_load(keep_vouched(tmp_path))
    running.config.write_text(json.dumps(said))
    running.start()
    yield running
    running.stop()


def put(daemon: Daemon, said: object) -> tuple[int, Any]:
    """PUT /v1/settings, by one token."""
    asking = urllib.request.Request(
        f"http://127.0.0.1:{daemon.api}/v1/settings",
        json.dumps(said).encode(),
        {"Authorization": f"Bearer {daemon.token('operator')}"},
        method="PUT",
    )
    with urllib.request.urlopen(asking, timeout=60) as answer:
        return answer.status, json.loads(answer.read())


@pytest.mark.services
def test_a_helpline_that_two_have_signed_is_on_the_splash_and_the_family_page_and_no_role_has_restarted(
    signing: Daemon,
) -> None:
    family = f"http://127.0.0.1:{signing.api}/family"

    def are_shown(number: str) -> bool:
        with urllib.request.urlopen(family, timeout=60) as answer:
            return f"tel:{number}" in visited(signing, "other.test")[1] and f"tel:{number}" in answer.read().decode()

    def is_coloured(theme: str) -> bool:
        return theme in visited(signing, "other.test")[1]

    before = [pid_of(signing, role) for role in ("web-0", "splash-0")]
    eventually(lambda: are_shown("1121"), "the configuration's helpline")
    engine = open_database(database_of(load(signing.config)))
    with writing(engine) as conn:
        people = signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")
    line = {"number": "0800-77777", "name_en": "shelter", "name_ur": "پناہ گاہ"}
    words = {"proposer": people[0].person.mail, "reason": "a shelter has opened", "reference": "T-1"}

    status, made = put(signing, {"helplines": [line]} | words)
    assert (status, made["due"]) == (202, "proposed")
    for theme in ("#0b5c7a", "#0b5c7b"):  # each has control look, and all who show pages take what it finds
        assert put(signing, {"theme": {"accent": theme}})[0] == 200
        eventually(partial(is_coloured, theme), "the desk's colour")
        assert are_shown("1121")
        with writing(engine) as conn:
            assert signed(conn, made["id"], people[theme == "#0b5c7b"], at=datetime.now(UTC)) is None
    engine.dispose()
    assert put(signing, {"theme": None})[0] == 200

    eventually(lambda: are_shown("080077777"), "what two have signed")
    assert not are_shown("1121")
    assert [pid_of(signing, role) for role in ("web-0", "splash-0")] == before
