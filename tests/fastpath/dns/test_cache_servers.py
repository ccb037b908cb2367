"""Answers of real servers (BIND, Knot), cached and delivered again: the same records as dig reads."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, DNSRecord
from support.dns.primaries import HOST, PrimaryServer, primary
from support.packets.shapes import opt, question

from fastpath.dns.ttl import lifetime
from fastpath.testing.cache import AnswerCache

NOW, AGE = 1_000_000, 7
OPT = 41
BODY = """
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
alias CNAME other
other CNAME www
gone CNAME nothing
mail MX 10 mx1
mail MX 20 mx2
mx1 A 192.0.2.3
mx2 AAAA 2001:db8::3
_sip._tcp SRV 1 2 5060 www
web HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1
web SVCB 0 www
text TXT "one" "two"
large 86400 TXT {large}
child NS ns.child
ns.child A 192.0.2.4
old DNAME wild
*.wild A 192.0.2.5
ptr PTR www
""".format(large=" ".join('"' + "t" * 255 + '"' for _ in range(3)))
KEPT = [
    ("www", "A"),
    ("www", "AAAA"),
    ("alias", "A"),
    ("gone", "A"),
    ("mail", "MX"),
    ("_sip._tcp", "SRV"),
    ("web", "HTTPS"),
    ("web", "SVCB"),
    ("text", "TXT"),
    ("large", "TXT"),
    ("x.old", "A"),
    ("a.b.wild", "A"),
    ("ptr", "PTR"),
    ("www", "MX"),
    ("nothing", "A"),
    ("www", "ANY"),
    ("rpz.test", "SOA"),
    ("rpz.test", "NS"),
]
TYPES = {"SVCB": 64, "HTTPS": 65, "ANY": 255}


@pytest.fixture(scope="module", params=["bind", "knot"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrimaryServer]:
    folder: Path = tmp_path_factory.mktemp("cache") / request.param
    with primary(request.param, folder, BODY, None) as running:
        yield running
    shutil.rmtree(folder)


def exchange(server: PrimaryServer, query: bytes) -> bytes:
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.settimeout(60)
        asking.connect((HOST, server.port))
        asking.send(query)
        return asking.recv(65535)


def asked(name: str, qtype: str, is_dnssec_ok: bool = False) -> bytes:
    zone = "" if name.endswith(".test") else ".rpz.test"
    number = TYPES.get(qtype) or int(getattr(QTYPE, qtype))
    return question((name + zone).encode(), number, additional=[opt(1232, 0, is_dnssec_ok)])


def sections(message: bytes, older_s: int = 0) -> list[list[tuple[str, int, str, int]]]:
    """Records of each section but the OPT, as dnslib reads them, with TTLs as they are `older_s` later."""
    read = DNSRecord.parse(message)
    return [
        [
            (str(rr.rname).lower(), rr.rtype, str(rr.rdata).lower(), rr.ttl - older_s)
            for rr in section
            if rr.rtype != OPT
        ]
        for section in (read.rr, read.auth, read.ar)
    ]


@pytest.mark.services
@pytest.mark.parametrize(("name", "qtype"), KEPT)
@pytest.mark.parametrize("is_dnssec_ok", [False, True])
def test_what_a_server_says_is_kept_and_said_again(
    server: PrimaryServer, name: str, qtype: str, is_dnssec_ok: bool
) -> None:
    query = asked(name, qtype, is_dnssec_ok)
    answer = exchange(server, query)
    cache = AnswerCache(1 << 20)

    assert cache.put(query, answer, NOW)
    found = cache.get(query, NOW + AGE)

    assert found is not None and found[0] == "fresh"
    assert found[1][3] & 15 == answer[3] & 15
    assert sections(found[1]) == sections(answer, AGE)


@pytest.mark.services
def test_a_referral_says_nothing_and_is_not_kept(server: PrimaryServer) -> None:
    query = asked("www.child", "A")

    assert lifetime(query, exchange(server, query)).lives_s == 0


@pytest.mark.services
def test_a_refusal_is_not_kept(server: PrimaryServer) -> None:
    query = question(b"www.elsewhere.test", additional=[opt()])

    assert lifetime(query, exchange(server, query)).lives_s == 0
