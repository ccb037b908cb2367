import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dnslib import CNAME, EDNS0, QTYPE, RCODE, RR, A, DNSRecord, EDNSOption
from support.images.opened import Entry, Images

from dns.special_names import special_names
from fastpath.dns.admission import ClientGuard
from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.loop import DnsLoop
from fastpath.dns.query_path import StreamAnswering
from fastpath.images.policy_writer import ProfileSpec
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Mode, Reason
from fastpath.report.spool import Reporter, read_segment, segment_numbers, segment_path

NOW_NS = 1_795_000_000_000_000_000
CLIENT = "192.0.2.7"
SPLASH4 = bytes([192, 0, 2, 80])
SPLASH6 = bytes([0x20, 1, 0x0D, 0xB8]) + bytes(11) + b"\x50"
HERE = b"\0\1" + b"\0\0\0\x3c" + b"\0\4\xc0\0\2\7" + b"\0\x10" + b"\0\0\0\x3c" + b"\0\x09\x08see here"
ELSEWHERE = b"\0\1" + b"\0\0\0\x3c" + b"\0\4\xc0\0\2\x08"
SPECS = [AnswerSpec(SPLASH4, SPLASH6, 60, 16, Action.NO_ACTION)] * len(Reason)


def ask(name: str, qtype: str = "A") -> bytes:
    return bytes(DNSRecord.question(name, qtype).pack())


class Desk:
    """A StreamAnswering with its reporter; `serve` puts tables in force as a loop beside it would."""

    def __init__(self, folder: Path, specs: list[AnswerSpec], **wanted: Any) -> None:
        self.folder = folder / "spool"
        self.handoff = Handoff()
        self.reporter = Reporter(folder / "counters", self.folder)
        self.answering = StreamAnswering(self.handoff, self.reporter, specs, **wanted)
        self._loop_reporter = Reporter(folder / "loop-counters", folder / "loop-spool")

    def serve(self, tables: TableSet, listener: socket.socket) -> None:
        self.handoff.give(tables)
        DnsLoop([listener], [("127.0.0.1", 9)], self.handoff, self._loop_reporter, SPECS, 1).turn(0)

    def ask(self, name: str, qtype: str = "A") -> DNSRecord | None:
        answer = self.answering.answer(ask(name, qtype), CLIENT, NOW_NS)
        return DNSRecord.parse(answer) if answer else None

    def upstream_query(self, name: str) -> bytes:
        return self.answering.upstream_query(ask(name), CLIENT, NOW_NS)

    def deliver(self, name: str, theirs: DNSRecord) -> DNSRecord:
        answer = self.answering.deliver(ask(name), CLIENT, self.upstream_query(name), bytes(theirs.pack()), NOW_NS)
        return DNSRecord.parse(answer)

    def counted(self) -> dict[str, int]:
        return {name: n for name, n in self.reporter.counters.values().items() if n}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        yield opened


def desk_with(images: Images, listener: socket.socket, *entries: Entry, specs: list[AnswerSpec] = SPECS) -> Desk:
    desk = Desk(images.folder, specs)
    desk.serve(TableSet(images.names(entries)), listener)
    return desk


def test_a_name_of_no_list_is_the_upstreams_to_answer(images: Images, listener: socket.socket) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE))

    assert desk.answering.answer(ask("free.test"), CLIENT, NOW_NS) is None
    assert desk.counted() == {"dns_queries": 1, "dns_tcp_queries": 1}


def test_a_blocked_name_is_counted_and_noted_with_its_rule(images: Images, listener: socket.socket) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE, Action.NXDOMAIN, 12))

    answer = desk.ask("www.N.test")

    assert answer is not None and answer.header.rcode == RCODE.NXDOMAIN
    assert desk.counted() == {"dns_queries": 1, "dns_tcp_queries": 1, "dns_blocked": 1, "events": 1}
    event = read_segment(segment_path(str(desk.folder), segment_numbers(str(desk.folder))[0]), 0, 10).events[0]
    assert (event.list, event.rule, event.order, event.time_ns) == ("orders", "n.test", 12, NOW_NS)


def test_rules_of_every_length_are_read_back_in_their_order(images: Images, listener: socket.socket) -> None:
    names = [f"{'.'.join(['x' * 49] * labels)}.{'y' * n}.test" for labels in range(1, 5) for n in (1, 13, 14, 15, 40)]
    desk = desk_with(images, listener, *[("orders", name, Mode.EXACT) for name in names])

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
def test_the_lists_action_chooses_the_rcode(
    images: Images, listener: socket.socket, action: Action, rcode: int
) -> None:
    answer = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE, action)).ask("n.test")

    assert answer is not None
    assert (answer.header.rcode, answer.rr) == (rcode, [])


@pytest.mark.parametrize(("qtype", "data"), [("A", ["192.0.2.80"]), ("AAAA", ["2001:db8::50"]), ("HTTPS", [])])
def test_a_splash_gives_addresses_to_address_queries_only(
    images: Images, listener: socket.socket, qtype: str, data: list[str]
) -> None:
    answer = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE)).ask("n.test", qtype)

    assert answer is not None and answer.header.rcode == RCODE.NOERROR
    assert [str(record.rdata) for record in answer.rr] == data


def test_a_splash_without_an_address_is_nxdomain(images: Images, listener: socket.socket) -> None:
    specs = [AnswerSpec(b"", b"", 60, 16, Action.NO_ACTION)] * len(Reason)

    answer = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE), specs=specs).ask("n.test")

    assert answer is not None and answer.header.rcode == RCODE.NXDOMAIN


@pytest.mark.parametrize(("qtype", "data"), [("A", ["192.0.2.7"]), ("TXT", ['"see here"']), ("HTTPS", [])])
def test_local_data_are_those_of_the_rule_that_decides(
    images: Images, listener: socket.socket, qtype: str, data: list[str]
) -> None:
    entries = [
        ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE),
        ("malware", "w.n.test", Mode.EXACT, Action.LOCAL_DATA, 0, ELSEWHERE),
    ]
    desk = desk_with(images, listener, *entries)

    answer, other = desk.ask("www.n.test", qtype), desk.ask("w.n.test", "A")

    assert answer is not None and answer.header.rcode == RCODE.NOERROR
    assert [str(record.rdata) for record in answer.rr] == data
    assert other is not None and [str(record.rdata) for record in other.rr] == ["192.0.2.8"]
    assert desk.counted()["dns_blocked"] == 2


def test_local_data_of_a_delta_come_from_the_delta(images: Images, listener: socket.socket) -> None:
    desk = Desk(images.folder, SPECS)
    base = images.names([("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE)])
    delta = images.names([("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, ELSEWHERE)], base)
    desk.serve(TableSet(base, delta), listener)

    answer = desk.ask("n.test")

    assert answer is not None and [str(record.rdata) for record in answer.rr] == ["192.0.2.8"]


def test_local_data_over_a_stream_are_not_cut_to_the_size_of_a_datagram(
    images: Images, listener: socket.socket
) -> None:
    data = (b"\0\x10" + b"\0\0\0\x3c" + b"\0\xf1" + b"\xf0" + b"x" * 240) * 2
    desk = desk_with(images, listener, ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, data))

    answer = desk.ask("n.test", "TXT")

    assert answer is not None and (answer.header.tc, len(answer.rr)) == (0, 2)


def test_local_data_of_a_confidential_list_are_answered_as_an_order_is(images: Images, listener: socket.socket) -> None:
    specs = [AnswerSpec(SPLASH4, b"", 60, 16, Action.SPLASH)] * len(Reason)
    desk = desk_with(images, listener, ("csam", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, HERE), specs=specs)

    answer = desk.ask("n.test")

    assert answer is not None and [str(record.rdata) for record in answer.rr] == ["192.0.2.80"]


def test_a_spec_with_an_action_overrides_the_list_but_never_a_passthru(images: Images, listener: socket.socket) -> None:
    specs = [AnswerSpec(SPLASH4, b"", 60, 16, Action.REFUSED)] * len(Reason)
    entries = ("orders", "n.test", Mode.SUBTREE), ("help", "h.test", Mode.SUBTREE)
    desk = desk_with(images, listener, *entries, specs=specs)

    refused = desk.ask("n.test")

    assert refused is not None and refused.header.rcode == RCODE.REFUSED
    assert desk.answering.answer(ask("h.test"), CLIENT, NOW_NS) is None


def test_a_dropped_name_gets_no_answer_but_is_noted(images: Images, listener: socket.socket) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE, Action.DROP))

    assert desk.answering.answer(ask("n.test"), CLIENT, NOW_NS) == b""
    assert desk.counted()["events"] == 1


def test_a_tcp_only_name_over_a_stream_is_the_upstreams_to_answer(images: Images, listener: socket.socket) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE, Action.TCP_ONLY))

    assert desk.answering.answer(ask("n.test"), CLIENT, NOW_NS) is None
    assert "dns_blocked" not in desk.counted()


def test_without_tables_everything_is_forwarded_and_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS)

    assert desk.answering.answer(ask("n.test"), CLIENT, NOW_NS) is None
    assert desk.counted()["no_tables"] == 1


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

    answer = desk.answering.answer(message, CLIENT, NOW_NS)

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

    assert desk.answering.answer(message, CLIENT, NOW_NS) == b""
    assert desk.counted() == {"dns_tcp_queries": 1, counter: 1}


def test_a_client_that_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="somebody"):
        Desk(tmp_path, SPECS).answering.answer(b"", "somebody", NOW_NS)


def test_the_decision_is_that_of_the_clients_subscriber(images: Images, listener: socket.socket) -> None:
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
        listener,
    )
    query = ask("n.test")

    assert desk.answering.answer(query, "2001:db8:1::5", NOW_NS)
    assert desk.answering.answer(query, "2001:db8:2::5", NOW_NS) is None


def test_every_qtype_of_a_blocked_name_is_answered(images: Images, listener: socket.socket) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE))

    for number in (1, 2, 5, 6, 12, 15, 16, 28, 33, 64, 65, 255):
        assert desk.ask("n.test", QTYPE[number]) is not None


def test_what_the_upstream_said_over_a_stream_is_kept_and_runs_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))

    assert str(desk.deliver("free.test", theirs).a.rdata) == "198.51.100.1"
    kept = desk.answering.answer(ask("FREE.test"), CLIENT, NOW_NS + 10 * 10**9)

    assert kept is not None and (DNSRecord.parse(kept).a.ttl, str(DNSRecord.parse(kept).q.qname)) == (20, "FREE.test.")
    assert desk.answering.answer(ask("free.test"), CLIENT, NOW_NS + 30 * 10**9) is None
    assert desk.counted()["dns_cache_hits"] == 1


def test_a_stream_that_no_upstream_answers_gets_what_is_kept_of_old_or_servfail(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cache_octets=1 << 20)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    desk.deliver("free.test", theirs)
    later = NOW_NS + 60 * 10**9

    stale = DNSRecord.parse(desk.answering.give_up(ask("free.test"), CLIENT, later))
    nothing = DNSRecord.parse(desk.answering.give_up(ask("other.test"), CLIENT, later))

    assert (str(stale.a.rdata), stale.a.ttl) == ("198.51.100.1", 30)
    assert (nothing.header.rcode, nothing.rr) == (RCODE.SERVFAIL, [])


def test_an_answer_over_a_stream_that_leads_to_a_listed_name_is_blocked(
    images: Images, listener: socket.socket
) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE))
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.CNAME, rdata=CNAME("www.n.test"), ttl=30))

    assert [str(record.rdata) for record in desk.deliver("free.test", theirs).rr] == ["192.0.2.80"]
    assert desk.counted()["dns_inspected"] == 1


def test_safe_search_over_a_stream_asks_for_the_target_and_wraps_its_answer(
    images: Images, listener: socket.socket
) -> None:
    desk = Desk(images.folder, SPECS, specials=special_names())
    desk.serve(
        TableSet(
            images.names([]),
            None,
            images.subscribers([("192.0.2.0/24", 7)]),
            None,
            images.policy([(7, ProfileSpec(0, (), 0, 0, safe_search=1))]),
            None,
        ),
        listener,
    )
    assert desk.ask("www.google.com") is None
    asked = DNSRecord.parse(desk.upstream_query("www.google.com"))
    theirs = asked.reply()
    theirs.add_answer(RR(asked.q.qname, QTYPE.A, rdata=A("198.51.100.38"), ttl=30))

    answer = desk.deliver("www.google.com", theirs)

    assert str(asked.q.qname) == "forcesafesearch.google.com."
    assert [str(record.rdata) for record in answer.rr] == ["forcesafesearch.google.com.", "198.51.100.38"]


def test_an_upstreams_answer_cut_anywhere_is_delivered_whole_or_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS)
    theirs = DNSRecord.parse(desk.upstream_query("free.test")).reply()
    theirs.add_answer(RR("free.test", QTYPE.A, rdata=A("198.51.100.1"), ttl=30))
    whole = bytes(theirs.pack())

    for n in range(len(whole)):
        with pytest.raises(ValueError, match="not delivered"):
            desk.answering.deliver(ask("free.test"), CLIENT, desk.upstream_query("free.test"), whole[:n], NOW_NS)


def test_strangers_over_a_stream_are_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, guard=ClientGuard(["198.51.100.0/24"]))

    answer = desk.ask("free.test")

    assert answer is not None and answer.header.rcode == RCODE.REFUSED
    assert desk.counted()["dns_not_ours"] == 1


def test_an_answer_is_padded_where_the_query_was_and_the_stream_is_encrypted(
    images: Images, listener: socket.socket
) -> None:
    desk = desk_with(images, listener, ("orders", "n.test", Mode.SUBTREE))
    padded = DNSRecord.question("n.test")
    padded.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(12, bytes(8))]))
    query = bytes(padded.pack())

    encrypted = desk.answering.answer(query, CLIENT, NOW_NS, is_encrypted=True)
    clear = desk.answering.answer(query, CLIENT, NOW_NS)
    given_up = desk.answering.give_up(query.replace(b"\x01n", b"\x01f"), CLIENT, NOW_NS, is_encrypted=True)

    assert encrypted is not None and clear is not None
    assert (len(encrypted), len(given_up)) == (468, 468) and len(clear) < 200


def test_a_query_without_a_question_gets_the_cookie_that_it_asks_for(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SPECS, cookie_master=bytes(16))
    asked = DNSRecord()
    asked.header.rd = 1
    asked.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(10, b"client-c")]))

    answer = DNSRecord.parse(desk.answering.answer(bytes(asked.pack()), CLIENT, NOW_NS) or b"")

    [cookie] = [option for option in answer.ar[0].rdata if option.code == 10]
    assert (answer.questions, answer.header.rcode) == ([], RCODE.NOERROR)
    assert (cookie.data[:8], len(cookie.data)) == (b"client-c", 24)
