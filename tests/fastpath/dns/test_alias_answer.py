"""Answers to a target that was looked up instead of the name asked, read by an independent reader (dnslib)."""

import struct

import pytest
from dnslib import DNSRecord
from support.dns.upstream_answers import OPT, answer_to, soa
from support.packets.shapes import opt, question

from fastpath.dns.alias_answer import wrapped

AAAA, SERVFAIL, NXDOMAIN, REFUSED = 28, 2, 3, 5
QUERY = b"\xab\xcd" + question(b"wWw.Search.test")[2:]
TARGET = question(b"safe.search.test")
PLAIN = answer_to(TARGET, "safe.search.test. 300 IN A 192.0.2.1", "safe.search.test. 300 IN A 192.0.2.2", edns=OPT)
RICH = answer_to(
    TARGET,
    "safe.search.test. 300 IN CNAME safe.cdn.test.",
    "safe.cdn.test. 60 IN CNAME edge.safe.cdn.test.",
    "edge.safe.cdn.test. 20 IN A 192.0.2.1",
    "edge.safe.cdn.test. 20 IN RRSIG A 8 2 300 20300101000000 20200101000000 1 test. AAAA",
    authority=["cdn.test. 60 IN NS ns.cdn.test."],
    additional=["ns.cdn.test. 60 IN A 192.0.2.9"],
    is_authentic=True,
    edns=OPT,
)


def records(answer: bytes | None) -> list[tuple[str, int, str]]:
    """(owner, TTL, rdata) of answers and authorities; every octet must have been read."""
    assert answer is not None
    record = DNSRecord.parse(answer)
    assert struct.unpack_from("!HHHH", answer, 4) == (1, len(record.rr), len(record.auth), 0)
    return [(str(rr.rname), rr.ttl, str(rr.rdata)) for rr in (*record.rr, *record.auth)]


def test_a_client_gets_its_own_question_the_alias_and_the_targets_addresses() -> None:
    answer = wrapped(QUERY, PLAIN)

    assert records(answer) == [
        ("wWw.Search.test.", 60, "safe.search.test."),
        ("safe.search.test.", 300, "192.0.2.1"),
        ("safe.search.test.", 300, "192.0.2.2"),
    ]
    assert answer is not None and answer[:2] == b"\xab\xcd" and answer[12:33] == QUERY[12:33]
    assert answer[2:4] == bytes([0x81, 0x80]), "RD as it came, RA, no AA, no AD"


def test_a_chain_is_passed_on_without_signatures_and_without_what_nobody_asked() -> None:
    answer = wrapped(QUERY, RICH)

    assert records(answer) == [
        ("wWw.Search.test.", 60, "safe.search.test."),
        ("safe.search.test.", 300, "safe.cdn.test."),
        ("safe.cdn.test.", 60, "edge.safe.cdn.test."),
        ("edge.safe.cdn.test.", 20, "192.0.2.1"),
    ]
    assert answer is not None and not answer[3] & 0x20, "nobody has validated this chain"


@pytest.mark.parametrize("rcode", [0, NXDOMAIN])
def test_a_target_without_an_address_is_an_alias_with_the_soa(rcode: int) -> None:
    answer = wrapped(QUERY, answer_to(TARGET, authority=[soa("search.test"), soa("test")], rcode=rcode))

    assert answer is not None and answer[3] & 15 == rcode
    alias, authority = records(answer)
    assert alias == ("wWw.Search.test.", 60, "safe.search.test.")
    assert authority[:2] == ("search.test.", 300)
    assert authority[2].split()[:2] == ["ns.search.test.", "hostmaster.search.test."]


@pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
def test_a_failure_is_passed_on_without_a_record(rcode: int) -> None:
    answer = wrapped(QUERY, answer_to(TARGET, rcode=rcode))

    assert answer == QUERY[:2] + bytes([0x81, 0x80 | rcode]) + QUERY[4:]


def test_the_answer_to_the_clients_own_question_is_not_wrapped() -> None:
    assert wrapped(question(b"SAFE.search.test"), PLAIN) is None


def test_what_does_not_fit_and_what_was_cut_is_an_empty_answer_with_tc() -> None:
    whole = wrapped(QUERY, PLAIN)
    assert whole is not None

    assert wrapped(QUERY, PLAIN, len(whole)) == whole
    for room in (len(QUERY), len(whole) - 1):
        assert wrapped(QUERY, PLAIN, room) == QUERY[:2] + b"\x83\x80" + QUERY[4:]
    assert wrapped(QUERY, PLAIN[:2] + bytes([PLAIN[2] | 2]) + PLAIN[3:]) == QUERY[:2] + b"\x83\x80" + QUERY[4:]


def test_the_clients_edns_is_written_over() -> None:
    query = question(b"www.search.test", additional=[opt(4096, 0, True)])

    assert records(wrapped(query, PLAIN))[0] == ("www.search.test.", 60, "safe.search.test.")


@pytest.mark.parametrize("answer", [PLAIN[: -len(OPT)], RICH], ids=["plain", "rich"])
def test_an_answer_that_is_cut_anywhere_cannot_be_read_or_is_wrapped_from_what_is_there(answer: bytes) -> None:
    n_sound = 0
    for n in range(len(answer)):
        try:
            found = wrapped(QUERY, answer[:n])
        except ValueError as refused:
            assert "cannot be read" in str(refused)
            continue
        if n >= 34:  # else not even its question is there
            n_sound += 1
            records(found)
    assert n_sound < 60, "what is behind the authority section is not looked at"


@pytest.mark.parametrize(
    "owner",
    [
        b"\xc0\x22",
        b"\xc0\x24\xc0\x22",
        b"\x40" + b"a" * 64 + b"\x00",
        b"\xff\xff",
        (b"\x3f" + b"a" * 63) * 3 + b"\x3f" + b"a" * 63 + b"\x00",
    ],
)
def test_a_name_that_has_no_end_or_is_too_long_cannot_be_read(owner: bytes) -> None:
    fixed = struct.pack("!HHIH", 1, 1, 300, 4) + bytes([192, 0, 2, 1])
    looped = PLAIN[:6] + b"\x00\x01" + bytes(4) + PLAIN[12:34] + owner + fixed

    with pytest.raises(ValueError, match="cannot be read"):
        wrapped(QUERY, looped)


@pytest.mark.parametrize("by", [-1, 1])
def test_an_address_of_another_length_cannot_be_read(by: int) -> None:
    at = PLAIN.index(bytes([0, 4, 192, 0, 2, 2])) + 1

    with pytest.raises(ValueError, match="cannot be read"):
        wrapped(QUERY, PLAIN[:at] + bytes([4 + by]) + PLAIN[at + 1 :])


def test_an_ipv6_address_is_passed_on() -> None:
    asked = question(b"safe.search.test", AAAA)
    answer = wrapped(question(b"www.search.test", AAAA), answer_to(asked, "safe.search.test. 9 IN AAAA 2001:db8::1"))

    assert records(answer)[1] == ("safe.search.test.", 9, "2001:db8::1")
