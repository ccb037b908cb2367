"""A resolver that is played by a socket, and one who answers in its place."""

import asyncio
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from dns.base.address_query import Addresses, ask_addresses
from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.message import Question, Record, read_message, write_message
from dns.base.wire_format import AAAA, CNAME, IN, NOERROR, NXDOMAIN, QR, RA, REFUSED, A
from fastpath.wire.name import to_wire

pytestmark = pytest.mark.services

HELP, OTHER = to_wire(b"help.test"), to_wire(b"other.test")
GOOD, FORGED = "192.0.2.40", "203.0.113.66"
Answering = Callable[[bytes], list[bytes]]


def answer(
    query: bytes, *records: Record, rcode: int = NOERROR, wire: bytes = HELP, qtype: int = A, flip: int = 0
) -> bytes:
    return write_message(read_message(query).id ^ flip, QR | RA | rcode, [Question(wire, qtype)], records)


def address(text: str, ttl_s: int = 60, owner: bytes = HELP) -> Record:
    packed = ip_address(text).packed
    return Record(owner, A if len(packed) == 4 else AAAA, IN, ttl_s, packed)


def asked(answering: Answering, qtype: int = A, intruder: bytes = b"", patience_s: float = 2.0) -> Addresses:
    """Ask a resolver that sends these datagrams for a query; before them, somebody else sends one of his own."""

    async def play() -> Addresses:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver, socket.socket(type=socket.SOCK_DGRAM) as he:
            resolver.bind(("127.0.0.1", 0))
            resolver.setblocking(False)
            asking = asyncio.ensure_future(  # noqa: TID251
                ask_addresses(Endpoint(*resolver.getsockname()), HELP, qtype, patience_s)
            )
            query, client = await loop.sock_recvfrom(resolver, 512)
            if intruder:
                he.sendto(query[:2] + intruder[2:], client)
            for datagram in answering(query):
                resolver.sendto(datagram, client)
            return await asking

    return asyncio.run(play())


def test_addresses_come_with_the_shortest_ttl_on_the_way_to_them() -> None:
    alias = Record(HELP, CNAME, IN, 20, OTHER)

    found = asked(lambda query: [answer(query, alias, address(GOOD, 300, OTHER), address("192.0.2.41", 300, OTHER))])

    assert [(str(each), ttl_s) for each, ttl_s in found] == [(GOOD, 20), ("192.0.2.41", 20)]


def test_the_other_kind_of_address_is_asked_for_by_itself() -> None:
    found = asked(lambda query: [answer(query, address("2001:db8::40"), qtype=AAAA)], AAAA)

    assert [str(each) for each, _ in found] == ["2001:db8::40"]


@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN])
def test_a_name_without_addresses_has_none(rcode: int) -> None:
    assert asked(lambda query: [answer(query, rcode=rcode)]) == ()


@pytest.mark.parametrize(
    "forged",
    [
        lambda query: answer(query, address(FORGED), flip=1),
        lambda query: answer(query, address(FORGED), wire=OTHER),
        lambda query: answer(query, address(FORGED), qtype=AAAA),
        lambda query: query,
        lambda query: query[:2] + b"\xff" * 40,
        lambda query: answer(query, address(FORGED))[:-1],
    ],
    ids=["another id", "another name", "another type", "no answer", "no message", "cut off"],
)
def test_what_does_not_answer_our_question_is_passed_over(forged: Callable[[bytes], bytes]) -> None:
    found = asked(lambda query: [forged(query), answer(query, address(GOOD))])

    assert [str(each) for each, _ in found] == [GOOD]


def test_nobody_else_answers_even_if_he_knows_the_id() -> None:
    intruder = write_message(0, QR | RA, [Question(HELP, A)], [address(FORGED)])

    found = asked(lambda query: [answer(query, address(GOOD))], intruder=intruder)

    assert [str(each) for each, _ in found] == [GOOD]


def test_a_record_of_a_wrong_length_is_no_address() -> None:
    odd = Record(HELP, A, IN, 60, struct.pack(">H", 7))

    assert asked(lambda query: [answer(query, odd, address(GOOD))]) == ((ip_address(GOOD), 60),)


def test_a_refusal_and_silence_are_told_with_the_resolver() -> None:
    with pytest.raises(UpstreamFailure, match=r"resolver 127\.0\.0\.1:.*REFUSED; no address is known"):
        asked(lambda query: [answer(query, rcode=REFUSED)])
    with pytest.raises(UpstreamFailure, match="TimeoutError; no address is known"):
        asked(lambda _: [], patience_s=0.2)
