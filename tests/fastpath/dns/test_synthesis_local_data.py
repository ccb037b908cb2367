"""Answers from local data, read by an independent reader (dnslib)."""

import random
import struct

import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from support.packets.shapes import opt, question

from fastpath.dns.synthesis import Block, block_answer

A, NS, CNAME, SOA, MX, TXT, AAAA, HTTPS, OPT, ANY = 1, 2, 5, 6, 15, 16, 28, 65, 41, 255
AA, TC = 0x0400, 0x0200
SECURITY, FORGED = 15, 4
RDATA = {
    A: bytes([192, 0, 2, 1]),
    AAAA: bytes.fromhex("20010db8000000000000000000000001"),
    MX: b"\x00\x0a\x04mail\x07example\x00",
    TXT: b"\x03why",
}


def record(rtype: int, rdata: bytes, ttl_s: int = 30) -> bytes:
    return struct.pack(">HIH", rtype, ttl_s, len(rdata)) + rdata


DATA = record(A, RDATA[A]) + record(MX, RDATA[MX], 3600) + record(A, bytes([192, 0, 2, 2])) + record(TXT, RDATA[TXT])
LED_AWAY = record(CNAME, b"\x06garden\x07example\x00")


def answered(data: bytes, qtype: int, size: int | None = 1232, qclass: int = 1) -> DNSRecord:
    asked = question(b"www.Blocked.test", qtype, qclass, additional=[] if size is None else [opt(size)])
    answer = block_answer(asked, Block(data=data, ede=SECURITY, ttl_s=60))
    parsed = DNSRecord.parse(answer)
    assert struct.unpack_from("!HHHH", answer, 4) == (1, len(parsed.rr), len(parsed.auth), len(parsed.ar))
    assert answer[12 : parsed_question_end(asked)] == asked[12 : parsed_question_end(asked)]
    return parsed


def parsed_question_end(asked: bytes) -> int:
    return 12 + asked[12:].index(b"\0") + 5


def ede_of(answer: DNSRecord) -> list[int]:
    return [int.from_bytes(option.data, "big") for extra in answer.ar if extra.rtype == OPT for option in extra.rdata]


@pytest.mark.parametrize(
    ("qtype", "said"),
    [(A, ["192.0.2.1", "192.0.2.2"]), (MX, ["10 mail.example."]), (TXT, ['"why"'])],
)
def test_a_type_of_the_data_is_answered_with_all_its_records(qtype: int, said: list[str]) -> None:
    answer = answered(DATA, qtype)

    assert [str(found.rdata) for found in answer.rr] == said
    assert {str(found.rname) for found in answer.rr} == {"www.Blocked.test."}
    assert (answer.header.rcode, answer.auth) == (RCODE.NOERROR, [])


@pytest.mark.parametrize("qtype", [AAAA, NS, SOA, HTTPS])
def test_any_other_type_is_nodata_with_a_soa(qtype: int) -> None:
    answer = answered(DATA, qtype)

    assert (answer.header.rcode, answer.rr) == (RCODE.NOERROR, [])
    assert [found.rtype for found in answer.auth] == [SOA]


@pytest.mark.parametrize("qtype", [A, AAAA, HTTPS, CNAME, ANY])
def test_a_cname_answers_every_type(qtype: int) -> None:
    assert [(found.rtype, str(found.rdata)) for found in answered(LED_AWAY, qtype).rr] == [(CNAME, "garden.example.")]


def test_a_question_for_anything_gets_all_records() -> None:
    assert [found.rtype for found in answered(DATA, ANY).rr] == [A, MX, A, TXT]


def test_another_class_than_in_has_no_data() -> None:
    assert answered(DATA, A, qclass=3).rr == []
    assert len(answered(DATA, A, qclass=ANY).rr) == 2


def test_no_record_lives_longer_than_a_block_may() -> None:
    assert [found.ttl for found in answered(DATA, ANY).rr] == [30, 60, 30, 30]


def test_the_extended_error_says_why_and_forged_where_a_record_is_given() -> None:
    assert ede_of(answered(DATA, A)) == [SECURITY, FORGED]
    assert ede_of(answered(DATA, AAAA)) == [SECURITY]


def test_the_answer_claims_no_authority() -> None:
    assert answered(DATA, A).header.aa == 0


@pytest.mark.parametrize(("size", "is_cut"), [(None, True), (512, True), (1232, False)])
def test_data_that_do_not_fit_are_cut_as_a_whole(size: int | None, is_cut: bool) -> None:
    data = record(TXT, b"\xf0" + b"x" * 240) * 2

    answer = answered(data, TXT, size)

    assert (answer.header.tc, len(answer.rr)) == ((1, 0) if is_cut else (0, 2))


def test_empty_data_are_nodata() -> None:
    answer = answered(b"", A)

    assert (answer.header.rcode, answer.rr, len(answer.auth)) == (RCODE.NOERROR, [], 1)


def test_data_that_are_cut_anywhere_give_the_whole_records_before_the_cut() -> None:
    ends = [12, 12 + 8 + len(RDATA[MX]), 24 + 8 + len(RDATA[MX]), len(DATA)]

    for n in range(len(DATA) + 1):
        assert len(answered(DATA[:n], ANY).rr) == sum(end <= n for end in ends)


def test_random_data_never_break_an_answer() -> None:
    draw = random.Random(7)

    for _ in range(2000):
        data = bytearray(DATA)
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        asked = question(b"blocked.test", draw.choice([A, MX, TXT, ANY]), additional=[opt(1232)])
        answer = block_answer(asked, Block(data=bytes(data)))
        assert 12 < len(answer) <= 1232
        assert QTYPE[DNSRecord.parse(answer[:6] + b"\0\0\0\0\0\0" + answer[12:]).q.qtype]
