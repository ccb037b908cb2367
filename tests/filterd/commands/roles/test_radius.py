"""The role as a whole: real clients and a real relay of RADIUS, queries for the addresses that they tell of."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.sessions.box import RadiusBox, radclient, relay
from support.sessions.requests import INTERIM, OFF, ON, START, STOP, is_answer, session, told
from support.system.daemon import eventually

from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions
from filterd.box.places import SESSIONS_MANIFEST
from filterd.commands.roles.radius import _read_back
from filterd.config import read_config
from filterd.control.client import ControlClient
from filterd.radius.journal import read_back
from filterd.radius.nas import NasTable

pytestmark = [pytest.mark.services, pytest.mark.long]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadiusBox]:
    running = RadiusBox(tmp_path_factory.mktemp("box"))
    running.began_s = time.monotonic()  # type: ignore[attr-defined]
    running.start()
    running.line(7, "flat3")
    running.line(8, "flat4", category="gambling")
    yield running
    running.stop()


def now() -> int:
    return int(time.time())


def test_a_start_gives_an_address_the_profile_of_its_line_and_a_stop_takes_it_away(box: RadiusBox) -> None:
    assert not box.is_blocked("192.0.2.7")

    assert box.tell(START, "a", address="192.0.2.7", prefix="2001:db8:7::/56")
    box.until(blocked=True, address="192.0.2.7")
    assert box.is_blocked("2001:db8:7:99::1")
    assert not box.is_blocked("192.0.2.70")
    assert box.tell(STOP, "a")

    box.until(blocked=False, address="192.0.2.7")
    assert not box.is_blocked("2001:db8:7:99::1")


def test_a_record_of_a_block_says_the_province_of_the_session_that_a_real_client_has_told_of(box: RadiusBox) -> None:
    box.line(9, "flat9")
    auditor = box.token("auditor")
    said = (f"Event-Timestamp = {now()}", "NAS-Identifier = bng1", "Acct-Session-Id = of9", "User-Name = flat9")
    assert radclient(box.radius, "Acct-Status-Type = Start", "Framed-IP-Address = 192.0.2.61", *said).returncode == 0
    box.until(blocked=True, address="192.0.2.61")

    def provinces() -> set[str]:
        assert box.is_blocked("192.0.2.61", "listed.test")
        pulled = box.run("audit", "pull", token=auditor).stdout.splitlines()
        return {json.loads(line)["province"] for line in pulled if '"order"' in line}

    eventually(lambda: "PK-PB" in provinces(), "a record with the province")


def test_control_says_whose_profile_a_sessions_address_has_as_the_childs_own_page_asks_it(box: RadiusBox) -> None:
    async def profile() -> int | None:
        found = await ControlClient(box.folder / "run").explain(None, "192.0.2.15", "dns")
        return found["subscriber"]  # type: ignore[no-any-return]

    assert asyncio.run(profile()) is None
    assert box.tell(START, "p", address="192.0.2.15")
    box.until(blocked=True, address="192.0.2.15")

    assert asyncio.run(profile()) == 7


def test_the_later_of_two_sessions_with_one_address_has_it(box: RadiusBox) -> None:
    box.tell(START, "b1", "flat3", address="192.0.2.20", at_s=now() - 60)
    box.until(blocked=True, address="192.0.2.20")

    box.tell(START, "b2", "flat4", address="192.0.2.20", at_s=now() - 30)
    box.until(blocked=False, address="192.0.2.20")
    box.tell(INTERIM, "b1", "flat3", address="192.0.2.20", at_s=now(), lasted_s=60)
    box.tell(STOP, "b1", "flat3", at_s=now())

    assert not box.is_blocked("192.0.2.20")
    who = box.run("sessions", "who", "192.0.2.20", "--config", str(box.config))
    assert who.stdout == "192.0.2.20/32  profile 8  in Lahore, PK-PB\n"
    places = box.run("sessions", "places", "--config", str(box.config))
    assert re.search(r"^PK-PB +Lahore +[1-9]", places.stdout, re.MULTILINE), places.stderr


def test_a_nas_that_restarts_has_no_sessions_left_and_its_lines_come_back_with_their_starts(box: RadiusBox) -> None:
    for n in range(1, 30):
        box.tell(START, f"c{n}", "flat3", address=f"192.0.2.{100 + n}", nas="bng2", at_s=now() - 60)
    box.until(blocked=True, address="192.0.2.129")

    assert box.tell(ON, nas="bng2")
    box.until(blocked=False, address="192.0.2.129")
    assert not box.is_blocked("192.0.2.101")
    box.tell(START, "d1", "flat3", address="192.0.2.101", nas="bng2", at_s=now() + 1)

    box.until(blocked=True, address="192.0.2.101")
    assert box.tell(OFF, nas="bng2", at_s=now() + 2)
    box.until(blocked=False, address="192.0.2.101")


def test_a_request_that_comes_again_is_answered_with_the_same_octets_and_done_once(box: RadiusBox) -> None:
    request = told(START, "e", "flat3", address="192.0.2.30", at_s=now())
    before = box.sessions()["counters"]["radius_repeated"]

    answers = {box.send(request) for _ in range(3)}

    [answer] = answers
    assert answer is not None and is_answer(answer, request)
    assert box.sessions()["counters"]["radius_repeated"] == before + 2


@pytest.mark.parametrize(
    ("counter", "request_"),
    [
        ("radius_bad_authenticator", lambda: told(START, "f", address="192.0.2.40", at_s=now(), secret=b"x" * 24)),
        ("radius_malformed", lambda: told(START, "f", address="192.0.2.40", at_s=now())[:-1]),
        ("radius_malformed", lambda: told(START, "f", address="198.51.100.40", at_s=now())),  # outside of its pools
        ("radius_stale", lambda: told(START, "f", address="192.0.2.40", at_s=now() - 1000)),
        ("radius_stale", lambda: told(START, "f", address="192.0.2.40", at_s=now() + 1000)),
        ("radius_stale", lambda: told(START, "f", address="192.0.2.40")),
    ],
)
def test_what_is_not_believed_is_counted_not_answered_and_changes_nothing(
    box: RadiusBox, counter: str, request_: object
) -> None:
    before = box.sessions()["counters"][counter]
    assert callable(request_)

    assert box.send(request_(), patience_s=0.5) is None

    eventually(lambda: box.sessions()["counters"][counter] > before, "the counter")
    assert box.sessions()["counters"][counter] == before + 1
    assert not box.is_blocked("192.0.2.40")


def test_a_stranger_is_not_read(box: RadiusBox) -> None:
    before = box.sessions()["counters"]["radius_unknown_nas"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as strange:
        strange.bind(("127.0.0.9", 0))
        strange.sendto(told(START, "g", address="192.0.2.41", at_s=now()), ("127.0.0.1", box.radius))

        eventually(lambda: box.sessions()["counters"]["radius_unknown_nas"] > before, "the counter")

    assert not box.is_blocked("192.0.2.41")
    n_minutes = int(time.monotonic() - box.began_s) // 60  # type: ignore[attr-defined]
    assert box.log().count("requests dropped, not answered") <= max(2, n_minutes + 1)  # one a minute
    assert "flat" not in box.log()


def test_a_name_that_is_given_to_a_line_later_counts_for_sessions_that_live(box: RadiusBox) -> None:
    box.tell(START, "h", "flat10", address="192.0.2.50")
    eventually(lambda: box.sessions()["unidentified"] == 1, "a session without a line")
    assert not box.is_blocked("192.0.2.50")

    box.line(10, "flat10")

    box.until(blocked=True, address="192.0.2.50")


def test_an_address_of_a_line_stays_that_lines_whatever_a_session_says(box: RadiusBox) -> None:
    token = box.token("operator")
    put = ("subscribers", "put", "12", "--label", "static", "--prefix", "192.0.2.60/32", "--category", "gambling")
    assert box.run(*put, token=token).returncode == 0

    box.tell(START, "i", "flat3", address="192.0.2.60")
    box.tell(START, "j", "flat3", address="192.0.2.61")
    box.until(blocked=True, address="192.0.2.61")  # published together with the other one, or after it

    assert not box.is_blocked("192.0.2.60")


def test_no_session_that_was_answered_is_lost_when_the_role_is_killed(box: RadiusBox) -> None:
    n_before = box.sessions()["sessions"]
    answered = 0
    pid = box.pid_of("radius")
    for n in range(200):
        if n == 150:
            os.kill(pid, signal.SIGKILL)
        request = told(START, f"k{n}", "flat3", at_s=now(), prefix=f"2001:db8:{n + 0x100:x}::/48", nas="bng3")
        answered += box.send(request, patience_s=0.05 if n >= 150 else 60) is not None

    eventually(lambda: box.run("sessions", "count", "--config", str(box.config)).returncode == 0, "the role again")
    assert answered >= 150
    # One that was written and not answered any more may be there, too.
    assert box.sessions()["sessions"] >= n_before + answered
    for address in ("2001:db8:100::1", "2001:db8:195::1"):  # answered, and perhaps not published when it died
        box.until(blocked=True, address=address)


def test_freeradius_own_client_believes_the_answer(box: RadiusBox) -> None:
    said = [
        'User-Name = "flat3"',
        "Acct-Status-Type = Start",
        'Acct-Session-Id = "rc1"',
        'NAS-Identifier = "bng1"',
        "Framed-IP-Address = 192.0.2.80",
        "Framed-IPv6-Prefix = 2001:db8:aa00::/64",
        "Delegated-IPv6-Prefix = 2001:db8:bb00::/56",
        "Framed-IPv6-Address = 2001:db8:cc00::1",
        f"Event-Timestamp = {now()}",
    ]

    done = radclient(box.radius, *said)

    assert done.returncode == 0, done.stdout + done.stderr
    for address in ("192.0.2.80", "2001:db8:aa00::9", "2001:db8:bb00:11::9", "2001:db8:cc00::1"):
        box.until(blocked=True, address=address)
    assert not box.is_blocked("2001:db8:cc00::2")


@pytest.mark.skipif(shutil.which("freeradius") is None, reason="freeradius is not here; apt-get install freeradius")
def test_a_relay_passes_requests_and_answers_on(box: RadiusBox, tmp_path: Path) -> None:
    process, port = relay(tmp_path, box.radius)
    try:
        said = [
            'User-Name = "flat3"',
            'Acct-Session-Id = "rl1"',
            'NAS-Identifier = "far"',
            f"Event-Timestamp = {now()}",
        ]

        done = radclient(port, "Acct-Status-Type = Start", "Framed-IP-Address = 192.0.2.90", *said)
        assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "relay.log").read_text()[-3000:]
        box.until(blocked=True, address="192.0.2.90")
        assert radclient(port, "Acct-Status-Type = Stop", *said).returncode == 0

        box.until(blocked=False, address="192.0.2.90")
    finally:
        process.terminate()
        process.wait(30)


def test_a_lost_start_gets_the_default_profile_of_its_nas_and_a_stop_gives_it_back(tmp_path: Path) -> None:
    box = RadiusBox(tmp_path, default_profile=7)
    box.start()
    try:
        box.line(7)
        box.line(8, "flat4", category="gambling")
        box.until(blocked=True, address="192.0.2.77")

        assert box.tell(START, "a", "flat4", address="192.0.2.77")
        box.until(blocked=False, address="192.0.2.77")
        assert box.is_blocked("192.0.2.78")
        box.tell(START, "b", "unknown", address="192.0.2.79")
        box.tell(STOP, "a", "flat4")

        box.until(blocked=True, address="192.0.2.77")
        assert box.is_blocked("192.0.2.79")
    finally:
        box.stop()


FLOOD_S = 30.0
MOST_MORE_MIB = 64  # what waits and what was answered have limits; ten million requests more have the same


def resident_mib(pid: int) -> float:
    [line] = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def test_whatever_is_sent_for_half_a_minute_moves_nothing_and_is_counted_and_memory_has_its_limit(
    box: RadiusBox,
) -> None:
    began = now()
    start = told(START, "flood", "flat3", address="192.0.2.65", at_s=began)
    assert box.send(start)
    box.until(blocked=True, address="192.0.2.65")
    pid, before, sessions = box.pid_of("radius"), box.sessions()["counters"], box.sessions()["sessions"]
    memory = resident_mib(pid)
    late = [told(status, "flood", "flat4", address="192.0.2.65", at_s=began - 60) for status in (INTERIM, START)]
    kinds = [
        *[(b"\4" + os.urandom(99), "127.0.0.1") for _ in range(50)],
        *[(told(STOP, "flood", at_s=began + n, secret=b"another secret of 24 oct"), "127.0.0.1") for n in range(50)],
        *[(told(STOP, "flood", at_s=began + n), "127.0.0.99") for n in range(50)],  # of no NAS
        *[(told(OFF, at_s=began - 5000 - n), "127.0.0.1") for n in range(50)],  # kept since then
        *[(told(START, f"h{n}", "flat4", address=f"198.51.100.{n}", at_s=began), "127.0.0.1") for n in range(50)],
        *[(each, "127.0.0.1") for each in (start, *late) for _ in range(20)],
    ]
    n_sent, until = 0, time.monotonic() + FLOOD_S
    with ExitStack() as stack:
        by_host = {host: stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _, host in kinds}
        for host, each in by_host.items():
            each.bind((host, 0))
        while time.monotonic() < until:
            for octets, host in kinds:
                by_host[host].sendto(octets, ("127.0.0.1", box.radius))
            n_sent += len(kinds)
    eventually(lambda: box.tell(START, "after", "flat3", address="192.0.2.66"), "an answer after it")

    after = box.sessions()
    more = {name: n - before[name] for name, n in after["counters"].items()}
    told_apart = ("radius_unknown_nas", "radius_bad_authenticator", "radius_malformed", "radius_stale")
    assert all(more[name] > 0 for name in (*told_apart, "radius_repeated"))
    assert (box.pid_of("radius"), after["sessions"]) == (pid, sessions + 1)
    assert 0 < more["radius_requests"] <= n_sent + 100
    assert resident_mib(pid) - memory < MOST_MORE_MIB
    assert box.is_blocked("192.0.2.65")
    box.until(blocked=True, address="192.0.2.66")


def test_sessions_of_a_pool_that_was_taken_out_are_left_out_at_the_start_and_stay_so(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"sixteen octets..")
    box = "state_dir: state\nrun_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n"
    nas = "{name: bng, address: '127.0.0.1', secret: secret, pools: [%s]}"

    def start(pools: str) -> int:
        said = f"{box}radius: {{listen: ['127.0.0.1:1813'], nas: [{nas % pools}]}}\n"
        config = read_config(said.encode(), "x", tmp_path)
        table, journal, _ = _read_back(config, NasTable(config.radius.nas), lambda _: None)
        if not len(table):
            journal.append([session(1, "192.0.2.7/32").packed(), session(2, "198.51.100.7/32").packed()])
        journal.close()
        return len(table)

    both = "192.0.2.0/24, 198.51.100.0/24"
    (tmp_path / "state").mkdir()

    assert [start(both), start(both), start("192.0.2.0/24"), start("192.0.2.0/24"), start(both)] == [0, 2, 1, 1, 1]

    tables = TableSet(sessions=open_sessions(tmp_path / "state/session-images" / SESSIONS_MANIFEST))
    assert [tables.subscriber_of(each) for each in ("192.0.2.7", "198.51.100.7")] == [7, None]
    assert len(read_back(tmp_path / "state/sessions")[0]) == 1
