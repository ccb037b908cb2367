"""Whether workers can serve, asked of themselves: a datagram to dns, the time that a gate gives its counters file."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.packets.shapes import question

from dns.base.address_query import LOCAL_HEADER
from fastpath.wire.proxy_protocol import told_by
from filterd.commands.roles.exporter import ready as asking
from filterd.commands.roles.exporter.ready import is_one_turning, ready, unfit
from filterd.config import Config, read_config
from filterd.process.codec import Message
from filterd.process.readiness import LIVES_S

REFUSED = 5


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers may do so late: on a busy machine, a second is not long."""
    monkeypatch.setattr(asking, "ASKED_S", 60.0)


class Front(threading.Thread):
    """Answers each question with REFUSED, or receives it and says nothing."""

    def __init__(self, *, is_silent: bool = False) -> None:
        super().__init__(daemon=True)
        self.asked: list[bytes] = []
        self._is_silent = is_silent
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def run(self) -> None:
        while (heard := self.socket.recvfrom(512))[0]:
            query, client = heard
            self.asked.append(query)
            query = query.removeprefix(LOCAL_HEADER)
            if not self._is_silent:
                self.socket.sendto(query[:2] + bytes([0x81, 0x80 | REFUSED]) + query[4:], client)

    def end(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()


def configured(folder: Path, port: int, dns: int = 1, gate: int = 1) -> Config:
    said = (
        f"run_dir: run\ndns: {{listen: ['0.0.0.0:{port}'], upstreams: ['192.0.2.53:53'], workers: {dns}}}\n"
        f"gate: {{workers: {gate}}}\n"
    )
    return read_config(said.encode(), "x", folder)


def beat(folder: Path, *names: str, ago_s: float = 0.0) -> None:
    """Workers say that their loops turn."""
    for name in names:
        file = folder / f"run/counters-{name.partition('-')[0]}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, (time.time() - ago_s,) * 2)


@pytest.fixture
def front() -> Iterator[Front]:
    running = Front()
    running.start()
    yield running
    running.end()


async def test_a_front_that_answers_anything_and_a_gate_that_turns_can_serve(front: Front, tmp_path: Path) -> None:
    beat(tmp_path, "dns-0", "gate-0")

    found = await ready(configured(tmp_path, front.socket.getsockname()[1]))

    assert found.unfit == {"dns": [], "gate": []}
    assert found.beside == [
        "control: no answer within 60 s; what is in force stays, and nothing new is; see its journal"
    ]
    assert [query[12:] for query in front.asked] == [question(b"localhost")[12:]]


async def test_a_front_that_wants_a_header_from_this_address_gets_one(front: Front, tmp_path: Path) -> None:
    beat(tmp_path, "dns-0", "gate-0")
    config = configured(tmp_path, front.socket.getsockname()[1])
    proxied = replace(config, dns=replace(config.dns, proxies=("2001:db8::/32", "127.0.0.0/8")))

    assert (await ready(config)).unfit == (await ready(proxied)).unfit == {"dns": [], "gate": []}
    assert front.asked[0].endswith(front.asked[1][len(LOCAL_HEADER) + 12 :])
    assert told_by(front.asked[1]) == (None, len(LOCAL_HEADER))
    assert front.asked[1][len(LOCAL_HEADER) + 12 :] == question(b"localhost")[12:]


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_front_that_is_silent_or_gone_cannot_serve_and_the_gate_is_judged_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    monkeypatch.setattr(asking, "ASKED_S", 0.05)
    front = Front(is_silent=True)
    port = front.socket.getsockname()[1]
    front.start()
    if not is_silent:
        front.end()
    beat(tmp_path, "dns-0", "gate-0")

    found = await ready(configured(tmp_path, port))

    assert found.unfit == {
        "dns": ["dns: no worker answers; clients get no answers; see filterd status and the journal"],
        "gate": [],
    }
    if is_silent:
        front.end()
        assert len(front.asked) == asking.TRIES


def test_what_control_says_of_upstreams_counts_and_of_its_database_does_not(tmp_path: Path) -> None:
    config = configured(tmp_path, 53, gate=0)
    beat(tmp_path, "dns-0")
    worker: dict[str, Any] = {"name": "dns-0", "pid": 7, "upstreams": {"192.0.2.53:53": True}}
    control: Message = {"workers": [worker], "faults": {"database": "database x: cannot be reached"}}

    assert unfit(config, control) == {"dns": []}
    worker["upstreams"]["192.0.2.53:53"] = False
    assert unfit(config, control)["dns"][0].startswith("dns: no upstream answers (192.0.2.53:53); ")


def test_a_gate_lives_while_one_of_its_workers_has_turned_lately(tmp_path: Path) -> None:
    config = configured(tmp_path, 53)
    assert not is_one_turning(config, "gate")
    beat(tmp_path, "gate-0", ago_s=LIVES_S + 1)
    assert not is_one_turning(config, "gate")
    beat(tmp_path, "gate-1")
    assert is_one_turning(config, "gate")
