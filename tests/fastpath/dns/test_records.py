"""Records and decompressed names, compared with dnslib, truncated and changed at every octet."""

import struct

import pytest
from dnslib import RR, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from support.dns.answers import answer, https
from support.packets.shapes import canonical

from fastpath.dns.records import RecordView, name_at, records

A, NS, CNAME, SOA, HTTPS_TYPE, OPT = 1, 2, 5, 6, 65, 41
ANSWER, AUTHORITY, ADDITIONAL = 0, 1, 2
HEAD = 12
FULL = answer(
    "www.shop.test",
    "HTTPS",
    "www.shop.test 300 IN CNAME edge.cdn.example",
    https("edge.cdn.example", 1, "svc.cdn.example", [(1, b"\2h2")]),
    authority=["cdn.example 60 NS ns1.cdn.example", "cdn.example 60 SOA ns1.cdn.example root.cdn.example 1 2 3 4 5"],
    additional=["svc.cdn.example 60 A 192.0.2.1", "svc.cdn.example 60 AAAA 2001:db8::1"],
)


def message(*parts: bytes, questions: int = 1, answers: int = 1) -> bytes:
    return struct.pack("!HHHHHH", 1, 0x8180, questions, answers, 0, 0) + b"".join(parts)


QUESTION = b"\1a\4test\0" + struct.pack("!HH", A, 1)  # its name at 12, the record's owner at 24
REST = struct.pack("!HHIH", A, 1, 60, 4) + b"\xc0\0\2\1"


def by_dnslib(octets: bytes) -> list[tuple[int, bytes, int, int]]:
    read = DNSRecord.parse(octets)
    sections: list[list[RR]] = [read.rr, read.auth, read.ar]
    return [(number, canonical(str(rr.rname)), rr.rtype, rr.ttl) for number, rrs in enumerate(sections) for rr in rrs]


def test_the_records_of_all_sections_are_those_that_dnslib_reads() -> None:
    assert [(r.section, r.owner, r.kind, r.ttl_s) for r in records(FULL)] == by_dnslib(FULL)
    assert [r.section for r in records(FULL)] == [ANSWER] * 2 + [AUTHORITY] * 2 + [ADDITIONAL] * 2
    assert all(FULL[r.data_at : r.data_at + len(r.data)] == r.data for r in records(FULL))


def test_an_owner_is_folded_and_decompressed() -> None:
    octets = message(b"\1A\4TeSt\0" + QUESTION[8:], b"\3WwW\xc0\x0c" + REST)

    assert records(octets) == [RecordView(ANSWER, canonical("www.a.test"), A, 1, 60, HEAD + 12 + 6 + 10, REST[-4:])]


def test_a_message_without_questions_or_records_has_none() -> None:
    assert records(message(questions=0, answers=0)) == []
    assert records(message(QUESTION, answers=0)) == []


def test_several_questions_are_passed_over() -> None:
    second = b"\1b\xc0\x0e" + struct.pack("!HH", A, 1)

    assert [r.owner for r in records(message(QUESTION, second, b"\xc0\x18" + REST, questions=2))] == [
        canonical("b.test")
    ]


def test_octets_behind_the_last_record_are_ignored() -> None:
    assert records(FULL + b"junk") == records(FULL)


def test_a_message_cut_at_any_octet_is_refused() -> None:
    for n in range(len(FULL)):
        with pytest.raises(ValueError, match="cannot be read"):
            records(FULL[:n])


@pytest.mark.parametrize("more", [1, 255, 65535])
def test_a_count_that_promises_more_records_than_there_are_is_refused(more: int) -> None:
    n_additional = struct.unpack_from("!H", FULL, 10)[0]

    with pytest.raises(ValueError, match="record 7 cannot be read"):
        records(FULL[:10] + struct.pack("!H", min(65535, n_additional + more)) + FULL[12:])


def test_a_count_that_promises_fewer_records_leaves_the_rest_unread() -> None:
    assert records(FULL[:10] + b"\0\1" + FULL[12:]) == records(FULL)[:-1]


def test_an_rdlength_that_is_one_more_or_less_is_refused_where_the_rest_no_longer_fits() -> None:
    last = records(FULL)[-1]
    at = last.data_at - 2

    with pytest.raises(ValueError, match="record 6 cannot be read"):
        records(FULL[:at] + struct.pack("!H", len(last.data) + 1) + FULL[at + 2 :])
    assert records(FULL[:at] + struct.pack("!H", len(last.data) - 1) + FULL[at + 2 :])[-1].data == last.data[:-1]


OWNER_AT = HEAD + len(QUESTION)


@pytest.mark.parametrize(
    "owner",
    [
        b"\xc0" + bytes([OWNER_AT]),
        b"\1x\xc0" + bytes([OWNER_AT]),
        b"\1x\xc0" + bytes([OWNER_AT + 2]),
        b"\xc0" + bytes([OWNER_AT + 12]),
        b"\xff\xff",
        b"\xc0\x00",
        b"\xc0\x0b",
        b"\x40x\0",
        b"\x80x\0",
    ],
    ids=[
        "to itself",
        "to the name it ends",
        "to itself behind a label",
        "forward",
        "past the end",
        "into the header",
        "to the header's last octet",
        "label type 01",
        "label type 10",
    ],
)
def test_an_owner_that_leads_nowhere_is_refused(owner: bytes) -> None:
    with pytest.raises(ValueError, match="record 1 cannot be read"):
        records(message(QUESTION, owner + REST))


def test_pointers_that_lead_to_each_other_are_refused() -> None:
    octets = message(QUESTION, b"\1x\xc0\x0c" + REST)
    looped = bytearray(octets)
    looped[12:16] = b"\1a\xc0" + bytes([OWNER_AT])  # the question leads forward to the owner

    with pytest.raises(ValueError):
        records(bytes(looped))
    with pytest.raises(ValueError, match="cannot be read"):
        name_at(bytes(looped), OWNER_AT)


def test_a_name_that_is_longer_than_255_octets_when_decompressed_is_refused() -> None:
    long = b"".join(b"\x3f" + b"a" * 63 for _ in range(3)) + b"\0"  # 193 octets
    question = long + struct.pack("!HH", A, 1)

    assert len(name_at(message(question, b"\x3c" + b"b" * 60 + b"\xc0\x0c"), HEAD + len(question))[0]) == 254
    assert len(name_at(message(question, b"\x3d" + b"b" * 61 + b"\xc0\x0c"), HEAD + len(question))[0]) == 255
    with pytest.raises(ValueError, match="cannot be read"):
        name_at(message(question, b"\x3e" + b"b" * 62 + b"\xc0\x0c"), HEAD + len(question))


def test_a_name_of_as_many_pointers_as_labels_is_read() -> None:
    octets = bytearray(message(b"\0" + struct.pack("!HH", A, 1)))
    before = 12
    for _ in range(127):
        at = len(octets)
        octets += b"\1a" + struct.pack("!H", 0xC000 | before)
        before = at

    name, after = name_at(bytes(octets), before)
    assert (len(name), after) == (255, len(octets))
    with pytest.raises(ValueError, match="cannot be read"):
        name_at(bytes(octets) + b"\1a" + struct.pack("!H", 0xC000 | before), len(octets))


@pytest.mark.parametrize("at", [-1, len(FULL), len(FULL) + 5])
def test_no_name_stands_outside_the_message(at: int) -> None:
    with pytest.raises(ValueError):
        name_at(FULL, at)


def test_a_name_that_is_cut_says_so() -> None:
    for octets in (b"", b"\3ww", b"\3www", b"\xc0"):
        with pytest.raises(ValueError, match="is cut off"):
            name_at(bytes(HEAD) + octets, HEAD)


LABELS = st.text("abcdefgh-0123", min_size=1, max_size=12).filter(lambda text: text.strip("-0123") != "")
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda labels: ".".join(labels) + ".test")


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(NAMES, min_size=2, max_size=5))
    pick = st.sampled_from(names)
    lines = st.one_of(
        st.builds("{} {} IN A 192.0.2.1".format, pick, st.integers(0, 2**31 - 1)),
        st.builds("{} 60 IN CNAME {}".format, pick, pick),
        st.builds("{} 60 IN MX 5 {}".format, pick, pick),
        st.builds('{} 60 IN TXT "{}"'.format, pick, LABELS),
        st.builds("{0} 60 IN SOA {1} {1} 1 2 3 4 5".format, pick, pick),
    )
    sections = [draw(st.lists(lines, max_size=6)) for _ in range(3)]
    return answer(names[0], "A", *sections[0], authority=sections[1], additional=sections[2])


@given(answers())
def test_any_answer_that_dnslib_writes_is_read_as_dnslib_reads_it(octets: bytes) -> None:
    found = records(octets)

    assert [(r.section, r.owner, r.kind, r.ttl_s) for r in found] == by_dnslib(octets)
    for record, line in zip(found, DNSRecord.parse(octets).rr, strict=False):
        if record.kind == CNAME:
            assert name_at(octets, record.data_at) == (canonical(str(line.rdata)), record.data_at + len(record.data))


@given(st.binary(max_size=80).map(lambda tail: message(QUESTION, tail, answers=2)))
def test_any_octets_give_records_inside_the_message_or_are_refused(octets: bytes) -> None:
    try:
        found = records(octets)
    except ValueError:
        return
    assert len(found) == 2 and all(octets[r.data_at : r.data_at + len(r.data)] == r.data for r in found)
