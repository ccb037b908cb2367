"""Lifetimes of upstream answers, written by dnslib and by hand, read to their last octet."""

import struct

import pytest
from support.dns.upstream_answers import OPT, answer_to, soa
from support.packets.shapes import opt, question

from fastpath.dns.ttl import lifetime

A, CNAME, AAAA, ANY, AXFR = 1, 5, 28, 255, 252
SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 2, 3, 4, 5
QUERY = question(b"www.allowed.test")
DAY = 86400
PLAIN = answer_to(QUERY, "www.allowed.test. 300 IN A 192.0.2.1")
RICH = answer_to(
    question(b"allowed.test", 15),
    "allowed.test. 900 IN MX 10 mail.allowed.test.",
    "allowed.test. 800 IN MX 20 mail.other.test.",
    authority=["allowed.test. 700 IN NS ns.allowed.test.", soa()],
    additional=["mail.allowed.test. 600 IN A 192.0.2.1", "mail.allowed.test. 600 IN AAAA 2001:db8::1"],
    edns=OPT,
)


def lives_s(answer: bytes, query: bytes = QUERY) -> int:
    return lifetime(query, answer).lives_s


def a(ttl: int) -> str:
    return f"www.allowed.test. {ttl} IN A 192.0.2.1"


# ------------------------------------------------------------------------------------------------------- how long


def test_an_answer_lives_as_long_as_its_least_ttl() -> None:
    assert lives_s(answer_to(QUERY, a(300))) == 300
    assert lives_s(answer_to(QUERY, a(300), a(200), authority=["test. 100 IN NS ns.test."])) == 100


def test_an_answer_lives_a_day_at_most() -> None:
    found = lifetime(QUERY, answer_to(QUERY, a(604800)))

    assert (found.lives_s, found.most_s) == (DAY, DAY)


@pytest.mark.parametrize("ttl", [0, 0x80000000, 0xFFFFFFFF])
def test_a_ttl_of_zero_or_with_its_top_bit_set_is_not_kept(ttl: int) -> None:
    assert lives_s(answer_to(QUERY, a(300), a(1)[: -len("1 IN A 192.0.2.1")] + f"{ttl} IN A 192.0.2.2")) == 0


@pytest.mark.parametrize(("ttl", "minimum", "lives"), [(300, 60, 60), (60, 300, 60), (DAY, DAY, 10800), (60, 0, 0)])
@pytest.mark.parametrize("rcode", [0, NXDOMAIN])
def test_a_negative_answer_lives_as_its_soa_says_and_three_hours_at_most(
    rcode: int, ttl: int, minimum: int, lives: int
) -> None:
    found = lifetime(QUERY, answer_to(QUERY, authority=[soa("test", ttl, minimum)], rcode=rcode))

    assert (found.lives_s, found.most_s) == (lives, lives)


@pytest.mark.parametrize("rcode", [0, NXDOMAIN])
def test_a_negative_answer_without_soa_is_not_kept(rcode: int) -> None:
    assert lives_s(answer_to(QUERY, rcode=rcode)) == 0
    assert lives_s(answer_to(QUERY, authority=["test. 300 IN NS ns.test."], rcode=rcode)) == 0


def test_a_chain_that_ends_in_nothing_lives_as_its_soa_says() -> None:
    alias = "www.allowed.test. 50 IN CNAME gone.test."

    assert lives_s(answer_to(QUERY, alias)) == 0
    assert lives_s(answer_to(QUERY, alias, authority=[soa("test", 300, 30)], rcode=NXDOMAIN)) == 30
    assert lives_s(answer_to(QUERY, alias, authority=[soa("test", 300, 300)])) == 50
    assert lives_s(answer_to(question(b"www.allowed.test", CNAME), alias), question(b"www.allowed.test", CNAME)) == 50


def test_a_failure_lives_five_seconds() -> None:
    assert lives_s(answer_to(QUERY, rcode=SERVFAIL)) == 5


@pytest.mark.parametrize("rcode", [1, NOTIMP, REFUSED, 6, 9, 15])
def test_what_says_nothing_of_how_long_is_not_kept(rcode: int) -> None:
    assert lives_s(answer_to(QUERY, a(300), rcode=rcode)) == 0


def test_an_extended_rcode_is_not_taken_for_noerror() -> None:
    badvers = b"\x00" + struct.pack("!HHBBHH", 41, 1232, 1, 0, 0, 0)

    assert lives_s(answer_to(QUERY, a(300), edns=badvers)) == 0


@pytest.mark.parametrize("qtype", [41, 249, 250, 251, AXFR])
def test_questions_that_are_not_about_data_are_not_kept(qtype: int) -> None:
    negative = answer_to(QUERY, authority=[soa()])
    asked = question(b"www.allowed.test", qtype)

    assert lives_s(negative) == 300
    assert lives_s(negative[:30] + asked[30:34] + negative[34:], asked) == 0


def test_an_answer_to_any_is_kept() -> None:
    asked = question(b"www.allowed.test", ANY)

    assert lives_s(answer_to(asked, a(300)), asked) == 300


# ------------------------------------------------------------------------------------------------ places and the OPT


def test_every_ttl_before_the_opt_is_found() -> None:
    found = lifetime(question(b"allowed.test", 15), RICH)

    ttls = [int.from_bytes(RICH[at : at + 4], "big") for at in found.places]
    assert ttls == [900, 800, 700, 300, 600, 600]
    assert found.n == len(RICH) - len(OPT)


def test_what_stands_behind_the_opt_is_not_kept() -> None:
    bare = answer_to(QUERY, a(300))
    behind = bare[-16:-10] + (7).to_bytes(4, "big") + bare[-6:]
    found = lifetime(QUERY, bare[:11] + b"\x02" + bare[12:] + OPT + behind)

    assert (found.n, len(found.places), found.lives_s) == (len(bare), 1, 300)


@pytest.mark.parametrize("edns", [OPT + OPT, b"\x01a" + OPT])
def test_a_second_opt_and_one_with_a_name_are_refused(edns: bytes) -> None:
    message = bytearray(PLAIN + edns)
    message[11] = 2 if edns == OPT + OPT else 1

    with pytest.raises(ValueError, match="not sound"):
        lifetime(QUERY, bytes(message))


# --------------------------------------------------------------------------------------------------------- soundness


@pytest.mark.parametrize(
    "other",
    [
        question(b"www.allowed.tess"),
        question(b"ww.allowed.test"),
        question(b"www.allowed.test", AAAA),
        question(b"www.allowed.test", 1, 3),
        question(b"www.allowed.test", 0x0101),
        question(b"www.allowed.test", 1, 0x101),
    ],
)
def test_an_answer_to_another_question_is_refused(other: bytes) -> None:
    with pytest.raises(ValueError, match="another question"):
        lifetime(other, PLAIN)


def test_the_letter_case_of_the_question_does_not_matter() -> None:
    assert lifetime(question(b"wWw.AllOwed.test"), PLAIN).lives_s == 300


def test_a_query_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no answer"):
        lifetime(QUERY, QUERY)


@pytest.mark.parametrize("answer", [PLAIN, RICH], ids=["plain", "rich"])
def test_an_answer_that_is_cut_anywhere_is_refused(answer: bytes) -> None:
    asked = QUERY if answer is PLAIN else question(b"allowed.test", 15)

    for n in range(len(answer)):
        with pytest.raises(ValueError):
            lifetime(asked, answer[:n])
    with pytest.raises(ValueError, match="not sound"):
        lifetime(asked, answer + b"\x00")


@pytest.mark.parametrize("at", [4, 5, 6, 7, 8, 9, 10, 11])
def test_a_count_that_is_wrong_is_refused(at: int) -> None:
    message = bytearray(RICH)
    message[at] += 1

    with pytest.raises(ValueError, match="not sound"):
        lifetime(question(b"allowed.test", 15), bytes(message))


@pytest.mark.parametrize("by", [-1, 1])
def test_an_rdata_length_that_is_wrong_is_refused(by: int) -> None:
    asked = question(b"allowed.test", 15)
    for at in lifetime(asked, RICH).places:
        message = bytearray(RICH)
        message[at + 5] += by

        with pytest.raises(ValueError, match="not sound"):
            lifetime(asked, bytes(message))


def test_tc_is_never_kept() -> None:
    with pytest.raises(ValueError, match="cut"):
        lifetime(QUERY, PLAIN[:2] + bytes([PLAIN[2] | 2]) + PLAIN[3:])


def owned_by(owner: bytes) -> bytes:
    """An answer whose one record has this owner, at offset 34."""
    fixed = struct.pack("!HHIH", A, 1, 300, 4) + bytes([192, 0, 2, 1])
    return PLAIN[:6] + b"\x00\x01" + PLAIN[8:34] + owner + fixed


def test_a_pointer_may_only_point_back_and_never_into_the_header() -> None:
    assert lives_s(owned_by(b"\xc0\x0c")) == 300
    assert lives_s(owned_by(b"\x03new\xc0\x10")) == 300
    for owner in (b"\xc0\x22", b"\xc0\x24", b"\xc0\x00", b"\xc0\x0b", b"\xff\xff", b"\x03new\xc0\x22"):
        with pytest.raises(ValueError, match="not sound"):
            lifetime(QUERY, owned_by(owner))


def test_a_name_may_not_run_over_a_ttl() -> None:
    second = struct.pack("!HHIH", A, 1, 0x01610001, 4) + bytes([192, 0, 2, 2])  # its TTL could be a label, "a"
    ttl_at = 34 + 2 + 4
    pointing = PLAIN[:6] + b"\x00\x02" + PLAIN[8:40] + b"\x00\x00\x00\x3c" + PLAIN[44:] + b"%b" + second

    assert lives_s(pointing.replace(b"%b", b"\xc0\x0c")) == 60
    for at in range(ttl_at - 1, ttl_at + 4):
        with pytest.raises(ValueError, match="not sound"):
            lifetime(QUERY, pointing.replace(b"%b", bytes([0xC0, at])))


@pytest.mark.parametrize(
    "owner",
    [
        b"\x40" + b"a" * 64 + b"\x00",
        b"\x80a\x00",
        (b"\x3f" + b"a" * 63) * 4 + b"\x00",
        (b"\x3f" + b"a" * 63) * 3 + b"\x2f" + b"a" * 47 + b"\xc0\x0c",
    ],
)
def test_a_name_of_too_many_octets_or_of_an_unknown_label_type_is_refused(owner: bytes) -> None:
    with pytest.raises(ValueError, match="not sound"):
        lifetime(QUERY, owned_by(owner))


def test_the_longest_name_is_read() -> None:
    assert lives_s(owned_by((b"\x3f" + b"a" * 63) * 3 + b"\x2b" + b"a" * 43 + b"\xc0\x0c")) == 300


def test_most_records_that_a_message_can_hold_are_read() -> None:
    n = (65535 - 34) // 11
    many = PLAIN[:6] + n.to_bytes(2, "big") + bytes(4) + PLAIN[12:34] + struct.pack("!xHHIH", 16, 1, 60, 0) * n

    assert len(lifetime(question(b"www.allowed.test"), many).places) == n


def test_an_edns_answer_of_a_dnssec_question_is_read() -> None:
    asked = question(b"www.allowed.test", additional=[opt(1232, 0, True)])

    assert lives_s(answer_to(asked, a(300), edns=opt(1232, 0, True, b"\x00\x0f\x00\x02\x00\x03")), asked) == 300
