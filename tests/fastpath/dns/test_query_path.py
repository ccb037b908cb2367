"""One query up to its answer, through a stream resolver: decided, counted, recorded, refused."""

from pathlib import Path

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord, EDNSOption
from support.dns.stream_desk import CLIENT, NOW_NS, SPECS, SPLASH4, Desk, ask, desk_with
from support.images.opened import Images

from fastpath.dns.block_answers import AnswerSpec
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Reason
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.spool import read_segment, segment_numbers, segment_path
from fastpath.wire.name import to_wire

HERE = b"\0\1" + b"\0\0\0\x3c" + b"\0\4\xc0\0\2\7" + b"\0\x10" + b"\0\0\0\x3c" + b"\0\x09\x08see here"
ELSEWHERE = b"\0\1" + b"\0\0\0\x3c" + b"\0\4\xc0\0\2\x08"


def test_a_name_of_no_list_is_the_upstreams_to_answer(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE))

    assert desk.resolver.answer(ask("free.test"), CLIENT, NOW_NS) is None
    assert desk.counted() == {"dns_queries": 1, "dns_tcp_queries": 1}


def test_a_blocked_name_is_counted_and_noted_with_its_rule(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE, Action.NXDOMAIN, 12))

    answer = desk.ask("www.N.test")

    assert answer is not None and answer.header.rcode == RCODE.NXDOMAIN
    counted = {"dns_queries": 1, "dns_tcp_queries": 1, "dns_blocked": 1, "events": 1, "dns_rcode_nxdomain": 1}
    assert desk.counted() == counted
    event = read_segment(segment_path(str(desk.folder), segment_numbers(str(desk.folder))[0]), 0, 10).events[0]
    assert (event.list, event.rule, event.order, event.time_ns) == ("orders", "n.test", 12, NOW_NS)


def test_rules_of_every_length_are_read_back_in_their_order(images: Images) -> None:
    names = [f"{'.'.join(['x' * 49] * labels)}.{'y' * n}.test" for labels in range(1, 5) for n in (1, 13, 14, 15, 40)]
    desk = desk_with(images, *[("orders", name, Mode.EXACT) for name in names])

    for name in names:
        desk.ask(name)

    path = segment_path(str(desk.folder), segment_numbers(str(desk.folder))[0])
    whole = read_segment(path, 0, 100)
    assert [event.rule for event in whole.events] == names
    at, singly = 0, []
    for _ in names:
        one = read_segment(path, at, 1)
        at = one.next
        singly += one.events
    assert (singly, at) == (whole.events, whole.next)


@pytest.mark.parametrize(
    ("action", "rcode"),
    [(Action.NXDOMAIN, RCODE.NXDOMAIN), (Action.NODATA, RCODE.NOERROR), (Action.REFUSED, RCODE.REFUSED)],
)
def test_the_lists_action_chooses_the_rcode(images: Images, action: Action, rcode: int) -> None:
    answer = desk_with(images, ("orders", "n.test", Mode.SUBTREE, action)).ask("n.test")

    assert answer is not None
    assert (answer.header.rcode, answer.rr) == (rcode, [])


@pytest.mark.parametrize(("qtype", "data"), [("A", ["192.0.2.80"]), ("AAAA", ["2001:db8::50"]), ("HTTPS", [])])
def test_a_splash_gives_addresses_to_address_queries_only(images: Images, qtype: str, data: list[str]) -> None:
    answer = desk_with(images, ("orders", "n.test", Mode.SUBTREE)).ask("n.test", qtype)

    assert answer is not None and answer.header.rcode == RCODE.NOERROR
    assert [str(record.rdata) for record in answer.rr] == data


def test_a_splash_without_an_address_is_nxdomain(images: Images) -> None:
    specs = [AnswerSpec(b"", b"", 60, 16, Action.NO_ACTION)] * len(Reason)

    answer = desk_with(images, ("orders", "n.test", Mode.SUBTREE), specs=specs).ask("n.test")

    assert answer is not None and answer.header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize(("qtype", "data"), [("A", ["192.0.2.7"]), ("TXT", ['"see here"']), ("HTTPS", [])])
def test_local_data_are_those_of_the_rule_that_decides(images: Images, qtype: str, data: list[str]) -> None:
    entries = [
        ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE),
        ("malware", "w.n.test", Mode.EXACT, Action.LOCAL_DATA, 0, ELSEWHERE),
    ]
    desk = desk_with(images, *entries)

    answer, other = desk.ask("www.n.test", qtype), desk.ask("w.n.test", "A")

    assert answer is not None and answer.header.rcode == RCODE.NOERROR
    assert [str(record.rdata) for record in answer.rr] == data
    assert other is not None and [str(record.rdata) for record in other.rr] == ["192.0.2.8"]
    assert desk.counted()["dns_blocked"] == 2


def test_local_data_of_a_delta_come_from_the_delta(images: Images) -> None:
    desk = Desk(images.folder, SPECS)
    base = images.names([("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE)])
    delta = images.names([("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, ELSEWHERE)], base)
    desk.serve(TableSet(base, delta))

    answer = desk.ask("n.test")

    assert answer is not None and [str(record.rdata) for record in answer.rr] == ["192.0.2.8"]


def test_local_data_of_a_confidential_list_are_answered_as_an_order_is(images: Images) -> None:
    specs = [AnswerSpec(SPLASH4, b"", 60, 16, Action.SPLASH)] * len(Reason)
    desk = desk_with(images, ("csam", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE), specs=specs)

    answer = desk.ask("n.test")

    assert answer is not None and [str(record.rdata) for record in answer.rr] == ["192.0.2.80"]


def test_a_spec_with_an_action_overrides_the_list_but_never_a_passthru(images: Images) -> None:
    specs = [AnswerSpec(SPLASH4, b"", 60, 16, Action.REFUSED)] * len(Reason)
    entries = ("orders", "n.test", Mode.SUBTREE), ("help", "h.test", Mode.SUBTREE)
    desk = desk_with(images, *entries, specs=specs)

    refused = desk.ask("n.test")

    assert refused is not None and refused.header.rcode == RCODE.REFUSED
    assert desk.resolver.answer(ask("h.test"), CLIENT, NOW_NS) is None


def test_a_dropped_name_gets_no_answer_but_is_noted(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE, Action.DROP))

    assert desk.resolver.answer(ask("n.test"), CLIENT, NOW_NS) == b""
    assert desk.counted()["events"] == 1


def test_without_tables_everything_is_forwarded_and_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS)

    assert desk.resolver.answer(ask("n.test"), CLIENT, NOW_NS) is None
    assert desk.counted()["no_tables"] == 1


def test_streams_that_are_shut_without_images_answer_nothing_until_there_are_some(images: Images) -> None:
    desk = Desk(images.folder, SPECS)
    desk.resolver.shut_without_images()

    refused = desk.ask("n.test")
    desk.serve(TableSet(images.names([])))

    assert refused is not None and refused.header.rcode == RCODE.SERVFAIL
    assert desk.counted()["no_tables"] == 1
    assert desk.resolver.answer(ask("n.test"), CLIENT, NOW_NS) is None


@pytest.mark.parametrize(
    ("what", "message", "rcode", "counter"),
    [
        (
            "opcode UPDATE",
            b"\x12\x34\x28\x00\x00\x01" + bytes(6) + b"\x01n\x04test\x00\x00\x01\x00\x01",
            RCODE.NOTIMP,
            None,
        ),
        (
            "two questions",
            b"\x12\x34\x01\x00\x00\x02" + bytes(6) + b"\x01n\x00\x00\x01\x00\x01",
            RCODE.FORMERR,
            "dns_malformed",
        ),
        ("a bare header", b"\x12\x34\x01\x00" + bytes(8), RCODE.FORMERR, "dns_malformed"),
        ("a name that is cut", b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x05nnn", RCODE.FORMERR, "dns_malformed"),
    ],
)
def test_a_wrong_message_with_a_readable_header_gets_its_rcode(
    tmp_path: Path, what: str, message: bytes, rcode: int, counter: str | None
) -> None:
    desk = Desk(tmp_path, SPECS)

    answer = desk.resolver.answer(message, CLIENT, NOW_NS)

    assert answer is not None and answer[:2] == message[:2]
    assert (answer[2] >> 7, answer[3] & 15) == (1, rcode)
    assert desk.counted().get("dns_malformed", 0) == (1 if counter else 0)


@pytest.mark.parametrize(
    ("what", "message", "counter"),
    [
        ("an answer", b"\x12\x34\x81\x80\x00\x01" + bytes(6) + b"\x01n\x04test\x00\x00\x01\x00\x01", "dns_not_a_query"),
        ("eleven octets", bytes(11), "dns_malformed"),
        ("nothing", b"", "dns_malformed"),
    ],
)
def test_what_is_no_query_is_never_answered_only_counted(
    tmp_path: Path, what: str, message: bytes, counter: str
) -> None:
    desk = Desk(tmp_path, SPECS)

    assert desk.resolver.answer(message, CLIENT, NOW_NS) == b""
    assert desk.counted() == {"dns_tcp_queries": 1, counter: 1}


def test_the_decision_is_that_of_the_clients_subscriber(images: Images) -> None:
    desk = Desk(images.folder, SPECS)
    desk.serve(
        TableSet(
            images.names([("adult", "n.test", Mode.SUBTREE)]),
            None,
            images.subscribers([("2001:db8:1::/64", 7)]),
            None,
            images.policy([(7, ProfileSpec(1 << 1, (), 0, 0))]),
            None,
        ),
    )
    query = ask("n.test")

    assert desk.resolver.answer(query, "2001:db8:1::5", NOW_NS)
    assert desk.resolver.answer(query, "2001:db8:2::5", NOW_NS) is None


def test_every_qtype_of_a_blocked_name_is_answered(images: Images) -> None:
    desk = desk_with(images, ("orders", "n.test", Mode.SUBTREE))

    for number in (1, 2, 5, 6, 12, 15, 16, 28, 33, 64, 65, 255):
        assert desk.ask("n.test", QTYPE[number]) is not None


def test_a_query_without_a_question_gets_the_cookie_that_it_asks_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cookie_master=bytes(16))
    asked = DNSRecord()
    asked.header.rd = 1
    asked.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(10, b"client-c")]))

    answer = DNSRecord.parse(desk.resolver.answer(bytes(asked.pack()), CLIENT, NOW_NS) or b"")

    [cookie] = [option for option in answer.ar[0].rdata if option.code == 10]
    assert (answer.questions, answer.header.rcode) == ([], RCODE.NOERROR)
    assert (cookie.data[:8], len(cookie.data)) == (b"client-c", 24)


def test_a_name_that_a_household_denies_is_answered_and_noted_with_the_households_rule(images: Images) -> None:
    profile = ProfileSpec(0, (), 0, 0, denied=(to_wire(b"no.example"),))
    desk = Desk(images.folder, SPECS)
    desk.serve(TableSet(images.names([]), None, images.subscribers([(CLIENT, 7)]), None, images.policy([(7, profile)])))

    answer = desk.ask("www.no.example")

    assert answer is not None and [str(rr.rdata) for rr in answer.rr] == ["192.0.2.80"]
    assert desk.ask("www.other.example") is None
    event = read_segment(segment_path(str(desk.folder), segment_numbers(str(desk.folder))[0]), 0, 10).events[0]
    assert (event.reason, event.rule, event.list, event.subscriber) == (Reason.HOUSEHOLD, "no.example", "", 7)
