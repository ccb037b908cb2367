"""A list's entry that is a CNAME (RPZ): its target is looked up, and its records are added for the client."""

import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, A, DNSQuestion, DNSRecord
from support.dns.loop_bench import Bench, says_nothing, with_address
from support.dns.stream_desk import Desk, desk_with
from support.images.opened import Entry, Images

from dns.front.special_names import LocalAnswers, special_names
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire

GARDEN = "garden.isp.test"
CSAM, FORGED, CENSORED = "secret.test", 4, 16


def to(target: str) -> bytes:
    wire = to_wire(target.encode())
    return struct.pack("!HIH", QTYPE.CNAME, 300, len(wire)) + wire


def sent_to(target: str, list_id: str = "malware", name: str = "bad.test") -> Entry:
    return (list_id, name, Mode.SUBTREE, Action.LOCAL_DATA, 0, to(target))


@pytest.fixture
def bench(images: Images) -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(images, stack, ("127.0.0.1",), cache_octets=4 << 20)
        made.block(("csam", CSAM, Mode.SUBTREE), sent_to(GARDEN))
        yield made


@pytest.fixture
def desk(images: Images) -> Desk:
    return desk_with(images, sent_to(GARDEN))


def shown(message: DNSRecord) -> list[tuple[str, str]]:
    return [(QTYPE[rr.rtype], str(rr.rdata)) for rr in message.rr]


LED = [("CNAME", f"{GARDEN}."), ("A", "198.51.100.1")]


def ask(bench: Bench, name: str, qtype: int = QTYPE.A) -> DNSRecord:
    query = DNSRecord(q=DNSQuestion(name, qtype))
    query.add_ar(EDNS0(udp_len=1232))
    bench.send(bytes(query.pack()))
    return query


def errors_of(message: DNSRecord) -> list[int]:
    return sorted(int.from_bytes(bytes(option.data)[:2], "big") for option in message.ar[0].rdata)


def test_a_blocked_name_leads_to_the_garden_and_its_address(bench: Bench) -> None:
    query = ask(bench, "WWW.bad.test")
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    given_back = bench.answer()

    assert (str(asked.q.qname).lower(), asked.q.qtype) == (f"{GARDEN}.", QTYPE.A)
    assert (given_back.header.id, str(given_back.q.qname)) == (query.header.id, "WWW.bad.test.")
    assert (shown(given_back), errors_of(given_back)) == (LED, [FORGED, CENSORED])


def test_the_gardens_address_is_kept_for_all_names_that_lead_there_and_every_block_counts(bench: Bench) -> None:
    ask(bench, "a.bad.test")
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    bench.answer()
    ask(bench, "b.bad.test")

    assert shown(bench.answer()) == LED
    assert says_nothing(bench.upstream)
    assert bench.counted("dns_blocked", "events", "dns_cache_hits") == (2, 2, 1)


def test_the_garden_itself_may_be_below_the_entry_that_leads_to_it(bench: Bench) -> None:
    bench.block(sent_to("garden.bad.test"))
    ask(bench, "bad.test")
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)
    ask(bench, "garden.bad.test")

    assert shown(bench.answer()) == [("CNAME", "garden.bad.test."), ("A", "198.51.100.1")]
    assert shown(bench.answer()) == [("CNAME", "garden.bad.test.")]


@pytest.mark.parametrize("was_blocked", [False, True])
def test_a_garden_that_a_list_names_while_a_query_waits_is_given_as_an_alias_alone_and_recorded_once(
    bench: Bench, was_blocked: bool
) -> None:
    bench.block(*[sent_to("old.isp.test")] * was_blocked)
    ask(bench, "bad.test")
    asked, sender = bench.forwarded()
    bench.block(sent_to(GARDEN))
    bench.reply(with_address(asked), sender)

    assert shown(bench.answer()) == [("CNAME", f"{GARDEN}.")]
    assert bench.counted("dns_blocked") == (1 + was_blocked,)


def test_a_garden_in_the_operators_own_network_is_reached_through_the_rebinding_guard(images: Images) -> None:
    local = LocalAnswers(own_names=["corp.test"], is_guarding_private=True)
    with ExitStack() as stack:
        bench = Bench(images, stack, ("127.0.0.1",), specials=special_names(local=local))
        bench.block(sent_to("garden.corp.test"), sent_to("other.test", name="corp.test"))
        answers = []
        for name in ("bad.test", "corp.test"):
            ask(bench, name)
            asked, sender = bench.forwarded()
            bench.reply(with_address(asked, "10.0.0.9"), sender)
            answers.append(bench.answer())

    assert shown(answers[0]) == [("CNAME", "garden.corp.test."), ("A", "10.0.0.9")]
    assert answers[1].header.rcode == RCODE.REFUSED


def test_a_garden_that_a_stronger_list_blocks_is_blocked(bench: Bench) -> None:
    bench.block(("csam", CSAM, Mode.SUBTREE), sent_to(f"garden.{CSAM}"))
    ask(bench, "bad.test")
    asked, sender = bench.forwarded()
    bench.reply(with_address(asked), sender)

    assert shown(bench.answer()) == [("A", "192.0.2.80")]


def test_a_type_whose_data_cannot_be_copied_gets_the_alias_alone(bench: Bench) -> None:
    for qtype in (QTYPE.MX, QTYPE.CNAME, QTYPE.SRV):
        ask(bench, "bad.test", qtype)
        assert shown(bench.answer()) == [("CNAME", f"{GARDEN}.")]
    assert says_nothing(bench.upstream)


def test_a_garden_without_that_type_is_an_alias_that_ends_in_nothing(bench: Bench) -> None:
    ask(bench, "bad.test", QTYPE.HTTPS)
    asked, sender = bench.forwarded()
    bench.reply(bytes(asked.reply().pack()), sender)

    given_back = bench.answer()
    assert (given_back.header.rcode, shown(given_back)) == (RCODE.NOERROR, [("CNAME", f"{GARDEN}.")])


def test_a_blocked_name_leads_to_the_garden_over_a_stream_too(desk: Desk) -> None:
    assert desk.ask("bad.test") is None
    theirs = DNSRecord.parse(desk.upstream_query("bad.test"))
    assert str(theirs.q.qname) == f"{GARDEN}."
    reply = theirs.reply()
    reply.add_answer(RR(GARDEN, QTYPE.A, rdata=A("198.51.100.1"), ttl=30))

    assert shown(desk.deliver("bad.test", reply)) == LED
    assert desk.counted()["dns_blocked"] == 1
