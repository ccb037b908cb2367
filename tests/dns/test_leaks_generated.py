"""No address of a listed name leaves in any answer to any question over any transport, from zones full of ways to it.

The zone and the questions are drawn: new ones each time, but in CI, where they follow from the names of the tests.
"""

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from dnslib import EDNS0, DNSHeader, DNSQuestion, DNSRecord
from support.dns.askers import TRANSPORTS, asker
from support.dns.front import Serving
from support.dns.zone_servers import CONFIGS, HOST, ask, serving_zone

from dns.base.endpoints import Endpoint
from dns.front.streams.server import StreamPlan
from fastpath.images.verdict import Mode

pytestmark = pytest.mark.services

N_OWNERS, N_QUESTIONS = 80, 60
LISTED4, LISTED6 = "192.0.2.66", "2001:db8::66"
WIRE = (socket.inet_aton(LISTED4), socket.inet_pton(socket.AF_INET6, LISTED6))
HOSTS = ("node.order", "mx.deep.order", "alone.far")
ENTRIES = (("orders", "order.test", Mode.SUBTREE), ("orders", "alone.far.test", Mode.EXACT))
SHAPES = (
    "MX 5 {host}",
    "SRV 1 1 5060 {host}",
    'NAPTR 1 1 "s" "SIP+D2U" "" {host}',
    "HTTPS 0 {host}",
    "HTTPS 1 {host} ipv4hint=192.0.2.66",
    "SVCB 1 {host} ipv6hint=2001:db8::66",
    "NS {host}",
    "CNAME {host}",
    "DNAME {host}",
    "DNAME order",
    "KX 5 {host}",
    "AFSDB 1 {host}",
    "RT 5 {host}",
    "PTR {host}",
    "CNAME {other}",
)
QTYPES = (*range(1, 66), 99, 108, 249, 250, 251, 252, 253, 254, 255, 256, 257, 65280)


class Drawn(NamedTuple):
    owners: list[str]
    ports: dict[str, int]


def drawing(what: str) -> random.Random:
    return random.Random(what if "CI" in os.environ else f"{what} {os.urandom(8).hex()}")


def zone(draw: random.Random, owners: list[str]) -> str:
    hosts = "".join(f"{host} A {LISTED4}\n{host} AAAA {LISTED6}\n" for host in HOSTS)
    ways = "".join(
        f"{owner} {SHAPES[at % len(SHAPES)].format(host=draw.choice(HOSTS), other=draw.choice(owners[: at or 1]))}\n"
        for at, owner in enumerate(owners)
    )
    head = "$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.53\n"
    return f"{head}plain A 192.0.2.1\nplain A 192.0.2.2\n{hosts}{ways}"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawn]:
    draw = drawing("zone")
    owners = [f"*.w{number}" if number % 10 == 9 else f"g{number}" for number in range(N_OWNERS)]
    with serving_zone(tmp_path_factory.mktemp("drawn"), zone(draw, owners)) as ports:
        yield Drawn(owners, ports)


def questions(draw: random.Random, owners: list[str]) -> Iterator[DNSRecord]:
    for _ in range(N_QUESTIONS):
        name = draw.choice([draw.choice(owners), draw.choice(owners), *HOSTS]).replace("*", "any")
        name = draw.choice(["", "", "node.", "mx.deep.", "_sip._udp."]) + name
        made = DNSRecord(
            DNSHeader(id=draw.randrange(65536), rd=draw.randrange(2), ad=draw.randrange(2), cd=draw.randrange(2)),
            q=DNSQuestion(f"{name}.test", draw.choice([1, 28, *draw.choices(QTYPES, k=4)])),
        )
        if draw.randrange(2):
            made.add_ar(EDNS0(udp_len=draw.choice([512, 1232, 4096]), flags=draw.choice(["", "do"])))
        yield made


def leaks(answer: bytes) -> bool:
    return any(address in answer for address in WIRE)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("engine", list(CONFIGS))
async def test_no_address_of_a_listed_name_leaves_for_any_question_over_any_transport(
    serving: Serving, drawn: Drawn, encrypted: StreamPlan, certificate: tuple[Path, Path], engine: str, transport: str
) -> None:
    draw = drawing(f"{engine} {transport}")
    leaked = []
    async with (
        serving(ENTRIES, (Endpoint(HOST, drawn.ports[engine]),), encrypted) as front,
        asker(front, transport, certificate[0]) as asked,
    ):
        for question in questions(draw, drawn.owners):
            answer = await asked(bytes(question.pack()))
            assert answer[2] & 0x80, (question, answer)
            leaked += [(question, answer)] if leaks(answer) else []

    assert leaked == []


@pytest.mark.parametrize("engine", ["bind", "knot", "nsd"])
def test_the_servers_themselves_give_such_addresses_in_many_ways(drawn: Drawn, engine: str) -> None:
    asked = [
        DNSRecord.question(f"{name.replace('*', 'any')}.test", qtype)
        for name in drawn.owners
        for qtype in ("A", "MX", "HTTPS", "SRV")
    ]

    n_leaks = sum(leaks(ask(drawn.ports[engine], bytes(each.pack()), 30)) for each in asked)

    assert n_leaks >= 2 * (N_OWNERS // len(SHAPES))  # of aliases and of mail exchangers alone
