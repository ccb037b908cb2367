"""What any real web server takes for a request of a listed host, the gate blocks."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.http_judge import verdicts
from support.gate.http_streams import LISTED, NOBODYS, STREAMS, generated
from support.gate.lab import Lab
from support.system import web_servers
from support.system.web_exchange import ask

from fastpath.images.tables import TableSet

pytestmark = pytest.mark.services
SEED = 20_240_601
N_GENERATED = 400
ENOUGH = 0.3  # of what is sent is served: else the servers are not asked what they would answer


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with web_servers.running(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def gate(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path / "gate", tables, n_flows=4096)


def servers_that_serve(ports: dict[str, int], streams: dict[str, bytes]) -> dict[str, set[str]]:
    """Who answers something in each stream as the listed host."""
    asked = [(name, server) for name in streams for server in ports]
    answers = ask([(ports[server], streams[name]) for name, server in asked])
    served: dict[str, set[str]] = {name: set() for name in streams}
    for (name, server), answer in zip(asked, answers, strict=True):
        if web_servers.SERVED in answer:
            served[name].add(server)
    return served


def passed(gate: Lab, octets: bytes, source: random.Random) -> set[str]:
    return {way for way, is_blocked in verdicts(gate, octets, source).items() if not is_blocked}


def assert_no_escape(gate: Lab, streams: dict[str, bytes], served: dict[str, set[str]]) -> None:
    source = random.Random(SEED)
    ways = {name: passed(gate, octets, source) for name, octets in streams.items() if served[name]}
    escapes = [(name, served[name], how, streams[name][:2000]) for name, how in ways.items() if how]
    assert escapes == []


def test_what_a_server_serves_is_blocked_however_it_is_written(ports: dict[str, int], gate: Lab) -> None:
    streams = {name: make(LISTED) for name, make in STREAMS.items()}
    served = servers_that_serve(ports, streams)

    assert sum(map(bool, served.values())) > ENOUGH * len(streams)
    assert_no_escape(gate, streams, served)
    assert {name: served[name] for name in NOBODYS} == {name: set() for name in NOBODYS}


def test_what_a_server_serves_is_blocked_in_requests_with_faults(ports: dict[str, int], gate: Lab) -> None:
    source = random.Random(SEED)
    streams = {str(number): generated(source, LISTED) for number in range(N_GENERATED)}
    served = servers_that_serve(ports, streams)

    assert sum(map(bool, served.values())) > ENOUGH * len(streams)
    assert_no_escape(gate, streams, served)
