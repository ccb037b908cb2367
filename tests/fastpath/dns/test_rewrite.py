"""Queries for upstreams; clients' answers are tested in test_forwarder.py and test_response.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord
from support.dns.loop_bench import SPECS

from fastpath.dns.stream_resolver import StreamResolver
from fastpath.report.spool import Reporter

CLIENT = "192.0.2.7"


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[StreamResolver]:
    yield StreamResolver(Reporter(tmp_path / "counters", tmp_path / "spool"), SPECS)


def asked(answering: StreamResolver, query: DNSRecord) -> DNSRecord:
    return DNSRecord.parse(answering.upstream_query(bytes(query.pack()), CLIENT, 1))


def test_an_upstream_gets_the_folded_name_and_an_opt_of_ours(answering: StreamResolver) -> None:
    query = DNSRecord.question("wWw.Free.TEST", "AAAA")
    said = asked(answering, query)

    assert (str(said.q.qname), said.q.qtype, said.header.id) == ("www.free.test.", QTYPE.AAAA, query.header.id)
    assert (said.header.rd, said.header.ad, said.header.cd) == (1, 1, 0)
    assert [(record.edns_len, record.edns_do, record.rdata) for record in said.ar] == [(1232, 0, [])]


@pytest.mark.parametrize("is_set", [0, 1])
def test_recursion_checking_and_dnssec_are_as_the_client_wants_them(answering: StreamResolver, is_set: int) -> None:
    query = DNSRecord.question("free.test")
    query.header.rd = query.header.cd = is_set
    query.add_ar(EDNS0(flags="do" if is_set else "", udp_len=4096))

    said = asked(answering, query)

    assert (said.header.rd, said.header.cd, said.ar[0].edns_do) == (is_set, is_set, is_set)


def test_the_longest_name_fits(answering: StreamResolver) -> None:
    name = ".".join(["a" * 63] * 3 + ["b" * 61])

    assert str(asked(answering, DNSRecord.question(name)).q.qname) == f"{name}."


@pytest.mark.parametrize("message", [b"", bytes(12), b"\0\0\x80\0\0\1" + bytes(6) + b"\1n\0\0\1\0\1"])
def test_what_is_no_query_is_not_asked(answering: StreamResolver, message: bytes) -> None:
    with pytest.raises(ValueError, match="not asked"):
        answering.upstream_query(message, CLIENT, 1)


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("another name", DNSRecord.question("other.test")),
        ("another type", DNSRecord.question("free.test", "AAAA")),
        ("another class", DNSRecord.question("free.test", qclass="CH")),
        ("a longer name", DNSRecord.question("x.free.test")),
    ],
)
def test_an_answer_to_another_question_is_refused(answering: StreamResolver, what: str, other: DNSRecord) -> None:
    query = bytes(DNSRecord.question("free.test").pack())

    with pytest.raises(ValueError, match="another question"):
        answering.deliver(query, CLIENT, answering.upstream_query(query, CLIENT, 1), bytes(other.reply().pack()), 1)


def test_the_answers_question_may_come_back_in_any_letter_case(answering: StreamResolver) -> None:
    query = bytes(DNSRecord.question("free.test").pack())
    theirs = bytes(DNSRecord.question("FREE.test").reply().pack())

    answer = answering.deliver(query, CLIENT, answering.upstream_query(query, CLIENT, 1), theirs, 1)

    assert (str(DNSRecord.parse(answer).q.qname), DNSRecord.parse(answer).header.rcode) == ("free.test.", RCODE.NOERROR)
