"""Scenarios from files, each in process (as streams are answered) and over real UDP sockets: the same comes of both."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from support.dns.loop_bench import IP_PKTINFO
from support.dns.scenarios import Scenario, load, query_of, told
from support.images.opened import LISTS, Images

from dns.front.answers import AnswerPolicy, Splash
from dns.front.special_names import special_names
from fastpath.dns.loop import DnsLoop
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Channel
from fastpath.report.counters import read_counted
from fastpath.report.spool import Reporter

FILES = sorted(Path(__file__).with_name("scenarios").glob("*.yaml"))
SPECS = AnswerPolicy(Splash(IPv4Address("192.0.2.80"), IPv6Address("2001:db8::80"))).specs()
CACHE_OCTETS = 4 << 20
N_ROUNDS, ROUND_S = 20, 0.1  # two seconds of the loop's own clock, however long a busy machine takes for them
Ask = Callable[[bytes, str], tuple[bytes | None, bool]]  # a query and who asks → answer, was the upstream asked
Carrier = tuple[Ask, Callable[[TableSet], object]]  # and what takes new tables


@contextlib.contextmanager
def in_process(scenario: Scenario, reporter: Reporter) -> Iterator[Carrier]:
    """As DNS over TCP, TLS and HTTPS are answered."""
    state = StreamResolver(reporter, SPECS, CACHE_OCTETS, specials=special_names())

    def ask(query: bytes, client: str) -> tuple[bytes | None, bool]:
        now_ns = scenario.now_s * 10**9
        found = state.answer(query, client, now_ns)
        if found is not None:
            return found, False
        asked = state.upstream_query(query, client, now_ns)
        answer = scenario.answer(asked)
        if answer is None:
            return state.give_up(query, client, now_ns), True
        return state.deliver(query, client, asked, answer, now_ns), True

    yield ask, state.use


@contextlib.contextmanager
def over_sockets(scenario: Scenario, reporter: Reporter) -> Iterator[Carrier]:
    """Over UDP, with a socket for each client and an upstream behind one of its own."""
    handoff = Handoff()
    with ExitStack() as stack:

        def bound(host: str) -> socket.socket:
            opened = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            opened.bind((host, 0))
            opened.settimeout(0.05)
            return opened

        listener, upstream = bound("127.0.0.1"), bound("127.0.0.1")
        clients: dict[str, socket.socket] = {}
        listener.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        loop = DnsLoop(
            [listener],
            [upstream.getsockname()],
            handoff,
            reporter,
            SPECS,
            1,
            1.0,
            CACHE_OCTETS,
            specials=special_names(),
        )

        def turn(later_s: float) -> None:
            loop.turn(20, round((scenario.now_s + later_s) * 1e9) - time.time_ns())

        def serve() -> bool:
            with contextlib.suppress(TimeoutError):
                query, sender = upstream.recvfrom(4096)
                is_probe = query[12] == 0
                answer = scenario.answer(query)
                if answer is not None:
                    upstream.sendto(answer, sender)
                return not is_probe
            return False

        def ask(query: bytes, client: str) -> tuple[bytes | None, bool]:
            if client not in clients:
                clients[client] = bound(client)
            opened = clients[client]
            opened.sendto(query, listener.getsockname())
            was_asked = False
            for number in range(N_ROUNDS):
                turn(number * ROUND_S)
                was_asked = serve() or was_asked
                turn(number * ROUND_S)
                with contextlib.suppress(TimeoutError):
                    return opened.recv(4096), was_asked
            return None, was_asked

        yield ask, handoff.give


def counted(counters: Path) -> dict[str, int]:
    return {LISTS[number].id: n for (number, channel), n in read_counted(counters).items() if channel == Channel.DNS}


@pytest.mark.parametrize("carried", [in_process, over_sockets], ids=["in process", "over sockets"])
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_query_of_the_scenario_gets_what_is_written(images: Images, path: Path, carried: Any) -> None:
    said = load(path)
    scenario = Scenario(images)
    reporter = Reporter(images.folder / "counters", images.folder / "spool")
    scenario.take(said)
    with carried(scenario, reporter) as (ask, use):
        use(scenario.tables())
        for number, step in enumerate(said["steps"], 1):
            scenario.take(step)
            if step.keys() & {"lists", "people", "shadow"}:
                use(scenario.tables())
            if "ask" not in step:
                continue
            query = query_of(step["ask"], step.get("flags", ()), number)
            message, was_asked = ask(query, step.get("from", "127.0.0.1"))
            found = told(message) | {"upstream": was_asked, "shadowed": counted(images.folder / "counters")}
            assert {key: found.get(key) for key in step["gets"]} == step["gets"], f"step {number}: {step} got {found}"
