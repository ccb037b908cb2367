"""No address of a listed name leaves, whatever an upstream puts into which section, over UDP and streams."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from dnslib import (
    AAAA,
    CNAME,
    EDNS0,
    HTTPS,
    MX,
    NAPTR,
    NS,
    RR,
    SOA,
    SRV,
    TXT,
    A,
    DNSHeader,
    DNSQuestion,
    DNSRecord,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.dns.loop_bench import Bench
from support.dns.stream_desk import CLIENT, NOW_NS, Desk, desk_with
from support.images.opened import Images

from fastpath.images.verdict import Mode

LISTED = "listed.test"
DEEP = "deep.down.example"  # alone, without its parents
ENTRIES = (("orders", LISTED, Mode.SUBTREE), ("orders", DEEP, Mode.EXACT))
NAMES = [
    "free.test",
    "www.free.test",
    "down.example",
    DEEP,
    f"x.{DEEP}",
    LISTED,
    f"www.{LISTED}",
    "other.example",
    "test",
]
OPT_OCTETS = 11
names = st.sampled_from(NAMES)
DATA = {
    1: st.just(A("198.51.100.66")),
    28: st.just(AAAA("2001:db8:66::1")),
    5: names.map(CNAME),
    39: names.map(CNAME),
    2: names.map(NS),
    15: names.map(lambda name: MX(name, 5)),
    33: names.map(lambda name: SRV(1, 1, 443, name)),
    35: names.map(lambda name: NAPTR(1, 1, b"s", b"SIP+D2U", b"", name)),
    6: names.map(lambda name: SOA(name, name, (1, 2, 3, 4, 5))),
    16: st.just(TXT("198.51.100.66")),
    65: names.map(lambda name: HTTPS(1, [label.encode() for label in name.split(".")], [(4, b"\xc6\x33\x64\x42")])),
}


@st.composite
def records(draw: st.DrawFn) -> RR:
    kind = draw(st.sampled_from(list(DATA)))
    return RR(draw(names), kind, 1, 60, draw(DATA[kind]))


sections = st.tuples(*[st.lists(records(), max_size=4)] * 3)
questions = st.tuples(st.sampled_from(["free.test", "www.free.test", "down.example"]), st.sampled_from([1, 15, 33, 65]))


def hostile(question: tuple[str, int], found: tuple[list[RR], list[RR], list[RR]]) -> DNSRecord:
    made = DNSRecord(DNSHeader(id=1, qr=1, rd=1, ra=1), q=DNSQuestion(*question))
    made.add_answer(*found[0])
    made.add_auth(*found[1])
    made.add_ar(*found[2])
    return made


def queried(question: tuple[str, int]) -> bytes:
    made = DNSRecord(q=DNSQuestion(*question))
    made.add_ar(EDNS0(udp_len=1232))
    return bytes(made.pack())


def is_listed(name: object) -> bool:
    text = str(name).rstrip(".").lower()
    return text in (DEEP, LISTED) or text.endswith(f".{LISTED}")


def leaks(message: DNSRecord) -> list[RR]:
    """Records that say something of a listed name, or that are where nobody has judged them."""
    everywhere = [*message.rr, *message.auth, *message.ar]
    found = [rr for rr in everywhere if is_listed(rr.rname) and rr.rtype not in (2, 6, 39)]
    return found + [rr for rr in message.ar if rr.rtype != 41]


@pytest.fixture
def bench(images: Images) -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(images, stack, ("127.0.0.1",))
        made.block(*ENTRIES)
        yield made


@pytest.fixture
def desk(images: Images) -> Desk:
    return desk_with(images, *ENTRIES)


SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@SHARED
@given(question=questions, found=sections)
def test_no_address_of_a_listed_name_leaves_over_udp(
    bench: Bench, question: tuple[str, int], found: tuple[list[RR], list[RR], list[RR]]
) -> None:
    octets = bytes(hostile(question, found).pack())

    bench.send(queried(question))
    message, sender = bench.upstream.recvfrom(4096)
    asked = message[12:-OPT_OCTETS]  # in its own case, which an answer has to have
    bench.reply(message[:2] + octets[2:12] + asked + octets[12 + len(asked) :], sender)

    assert leaks(bench.answer()) == []


@SHARED
@given(question=questions, found=sections)
def test_no_address_of_a_listed_name_leaves_over_a_stream(
    desk: Desk, question: tuple[str, int], found: tuple[list[RR], list[RR], list[RR]]
) -> None:
    answer = bytes(hostile(question, found).pack())
    query = queried(question)

    asked = desk.resolver.upstream_query(query, CLIENT, NOW_NS)
    given_back = desk.resolver.deliver(query, CLIENT, asked, answer, NOW_NS)

    assert leaks(DNSRecord.parse(given_back)) == []


@pytest.mark.parametrize("qtype", range(249, 255))
def test_a_question_for_no_records_of_a_name_is_refused_and_never_forwarded(
    bench: Bench, desk: Desk, qtype: int
) -> None:
    query = bytes(DNSRecord(q=DNSQuestion("free.test", qtype)).pack())
    bench.send(query)

    assert bench.answer().header.rcode == 5
    assert bench.counted("dns_forwarded", "dns_meta_refused") == (0, 1)
    over_tcp = desk.resolver.answer(query, CLIENT, NOW_NS)
    assert over_tcp is not None and DNSRecord.parse(over_tcp).header.rcode == 5
