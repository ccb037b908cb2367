"""The programs whose formats these are, with the same text: what they answer is what the rules say."""

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from support.dns.local_data import records
from support.system.ports import free_port

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from rules.base.rule import Rule
from rules.formats import dnsmasq, unbound

pytestmark = pytest.mark.services

LET_GO = "198.51.100.9"  # what the upstream says of any name
SILENCE_S = 1.0
PATIENCE_S = 20.0
NOWHERE = {"0.0.0.0", "::"}
WORDS = {
    Action.NXDOMAIN: "NXDOMAIN",
    Action.NODATA: "nodata",
    Action.REFUSED: "REFUSED",
    Action.PASSTHRU: LET_GO,
    Action.NO_ACTION: "blocked",
    Action.DROP: "silence",
}
NAMES = [f"{below}{top}.test" for top in ("plain", *"abcdefghij") for below in ("", "www.", "ok.", "x.ok.", "not")]

UNBOUND_HEAD = """
server:
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    logfile: ""
    use-syslog: no
    do-daemonize: no
    interface: 127.0.0.1@{port}
    module-config: "iterator"
    do-not-query-localhost: no
    local-zone: "test." nodefault
"""
UNBOUND_TAIL = """
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream}
remote-control:
    control-enable: no
"""
UNBOUND_TEXT = """
local-zone: "a.test" always_nxdomain
local-zone: "ok.a.test." transparent
local-zone: "b.test" static
local-data: "b.test A 192.0.2.1"
local-zone: "c.test" refuse
local-zone: "d.test" always_nodata
local-zone: "e.test" always_null
local-zone: "f.test" redirect
local-data: "f.test A 192.0.2.2"
local-data: "f.test A 192.0.2.3"
local-zone: "g.test" redirect
local-data: "g.test A 0.0.0.0"
local-zone: "h.test" deny
local-zone: "ok.h.test" inform
local-data: "ok.i.test A 192.0.2.4"
local-zone: "j.test" redirect
"""
DNSMASQ_HEAD = """
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=
pid-file=
server=127.0.0.1#{upstream}
"""
DNSMASQ_TEXT = """
address=/a.test/
server=/ok.a.test/#
local=/b.test/
server=/c.test/d.test/
address=/e.test/#
address=/f.test/192.0.2.2
address=/f.test/192.0.2.3
address=/g.test/0.0.0.0
address=/*.h.test/
local=/ok.i.test/
"""


def said_by_rules(found: Iterable[Rule], name: str) -> str:
    speaking = [(len(rule.wire), rule.mode is Mode.EXACT, rule) for rule in found if speaks_of(rule, name)]
    if not speaking:
        return LET_GO
    rule = max(speaking, key=lambda each: each[:2])[2]
    if rule.action is not Action.LOCAL_DATA:
        return WORDS[rule.action]
    return " ".join(sorted(socket.inet_ntoa(rdata) for _rtype, _ttl_s, rdata in records(rule.data)))


def speaks_of(rule: Rule, name: str) -> bool:
    listed = to_text(rule.wire)
    return (name == listed and rule.mode is not Mode.BELOW) or (
        rule.mode is not Mode.EXACT and name.endswith(f".{listed}")
    )


def said_by_peer(port: int, name: str, patience_s: float = SILENCE_S) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(patience_s)
        client.connect(("127.0.0.1", port))
        client.send(bytes(DNSRecord.question(name, "A").pack()))
        try:
            answer = DNSRecord.parse(client.recv(4096))
        except TimeoutError:
            return "silence"
    rcode = RCODE[answer.header.rcode]
    addresses = sorted(str(record.rdata) for record in answer.rr if record.rtype == QTYPE.A)
    if set(addresses) & NOWHERE:
        return "blocked"
    return " ".join(addresses) or ("nodata" if rcode == "NOERROR" else rcode)


def is_up(port: int) -> bool:
    try:
        return said_by_peer(port, "up.invalid") != "silence"
    except ConnectionRefusedError:
        return False


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while not is_up(port):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def said_as_expected(port: int, expected: dict[str, str]) -> dict[str, str]:
    """What a peer says of each name: a busy machine has time for every answer that shall come."""
    patience_s = {name: SILENCE_S if said == "silence" else PATIENCE_S for name, said in expected.items()}
    return {name: said_by_peer(port, name, patience_s[name]) for name in expected}


def rules_of(iter_rules: Callable[..., Iterator[object]], text: str) -> list[Rule]:
    found = list(iter_rules(text.encode().splitlines(keepends=True), Mode.EXACT))
    assert all(isinstance(item, Rule) for item in found), found
    return [item for item in found if isinstance(item, Rule)]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def upstream() -> Iterator[int]:
    """A resolver that gives every name one address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        done = threading.Event()
        thread = threading.Thread(target=answer_all, args=(server, done))
        thread.start()
        yield int(server.getsockname()[1])
        done.set()
        thread.join(5)


def answer_all(server: socket.socket, done: threading.Event) -> None:
    while not done.is_set():
        with contextlib.suppress(TimeoutError):
            message, client = server.recvfrom(4096)
            reply = DNSRecord.parse(message).reply()
            if reply.q.qtype == QTYPE.A:
                reply.add_answer(RR(reply.q.qname, QTYPE.A, rdata=A(LET_GO), ttl=30))
            server.sendto(bytes(reply.pack()), client)


def needed(name: str) -> str:
    path = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def test_unbound_answers_as_its_rules_say(tmp_path: Path, port: int, upstream: int) -> None:
    program = needed("unbound")
    config = tmp_path / "unbound.conf"
    config.write_text(
        UNBOUND_HEAD.format(folder=tmp_path, port=port) + UNBOUND_TEXT + UNBOUND_TAIL.format(upstream=upstream)
    )
    found = rules_of(unbound.iter_rules, UNBOUND_TEXT)
    expected = {name: said_by_rules(found, name) for name in NAMES}

    with running([program, "-d", "-c", str(config)], port):
        said = said_as_expected(port, expected)

    assert said == expected


def test_dnsmasq_answers_as_its_rules_say(tmp_path: Path, port: int, upstream: int) -> None:
    program = needed("dnsmasq")
    config = tmp_path / "dnsmasq.conf"
    config.write_text(DNSMASQ_HEAD.format(port=port, upstream=upstream) + DNSMASQ_TEXT)
    found = rules_of(dnsmasq.iter_rules, DNSMASQ_TEXT)
    expected = {name: said_by_rules(found, name) for name in NAMES}

    with running([program, "-k", "-C", str(config)], port):
        said = said_as_expected(port, expected)

    assert said == expected
