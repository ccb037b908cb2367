"""Parsing of queries: the question, and what an OPT says."""

import contextlib
import random
import struct

import pytest
from dnslib import DNSRecord
from hypothesis import assume, given
from hypothesis import strategies as st
from support.packets.shapes import canonical, opt, question, vector

from fastpath.dns.query import Query, fault_of, query

A, SOA, AAAA = 1, 6, 28
NOERROR, FORMERR, NOTIMP, BADVERS = 0, 1, 4, 16
QR, RD = 0x8000, 0x0100
COOKIE, PADDING = 10, 12
LONGEST = b".".join([b"a" * 63] * 3 + [b"a" * 61])


def option(code: int, data: bytes = b"") -> bytes:
    return struct.pack("!H", code) + vector(data, 2)


def asked(*options: bytes) -> bytes:
    return question(b"allowed.test", additional=[opt(options=b"".join(options))])


def test_a_plain_question_is_read() -> None:
    assert query(question(b"WWW.Allowed.test", AAAA)) == Query(
        0x1234, RD, canonical("www.allowed.test"), AAAA, 1, 12 + 18 + 4, None, 512, False
    )


def test_an_edns_question_is_read() -> None:
    found = query(question(b"allowed.test", additional=[opt(4096, 0, True, b"\x00\x0a\x00\x08cookie!!")]))

    assert (found.edns_version, found.edns_size, found.is_dnssec_ok) == (0, 1232, True)


@pytest.mark.parametrize(("said", "meant"), [(0, 512), (511, 512), (512, 512), (513, 513), (1232, 1232), (65535, 1232)])
def test_an_edns_size_below_512_means_512_and_no_answer_over_udp_is_longer_than_1232(said: int, meant: int) -> None:
    assert query(question(b"allowed.test", additional=[opt(said)])).edns_size == meant


def test_a_question_for_the_root_and_one_for_the_longest_name_are_read() -> None:
    assert query(question(b"")).name == b"\x00"
    assert len(query(question(LONGEST)).name) == 255


def test_the_opt_is_found_behind_other_records() -> None:
    authority = b"\xc0\x0c" + struct.pack("!HHIH", SOA, 1, 0, 3) + b"abc"
    tsig = b"\x03key\x00" + struct.pack("!HHIH", 250, 255, 0, 0)
    message = question(b"allowed.test", 251)
    message = message[:8] + struct.pack("!HH", 1, 2) + message[12:] + authority + opt(700) + tsig

    assert query(message).edns_size == 700


def test_an_opt_outside_the_additional_section_is_none() -> None:
    message = question(b"allowed.test")
    message = message[:8] + struct.pack("!HH", 1, 0) + message[12:] + opt()

    assert query(message).edns_version is None


def test_octets_behind_the_last_record_are_ignored() -> None:
    assert query(question(b"allowed.test", additional=[opt()]) + b"junk").edns_version == 0


def test_a_question_cut_at_any_octet_is_malformed() -> None:
    whole = asked(option(COOKIE, b"cookie!!"), option(PADDING, bytes(9)), option(65001, b"device"))

    for n in range(len(whole)):
        with pytest.raises(ValueError, match="not one readable question"):
            query(whole[:n])


@pytest.mark.parametrize(
    "message",
    [
        question(b"allowed.test", flags=0x2800),
        question(b"allowed.test", flags=0x0800),
        question(b"allowed.test")[:4] + struct.pack("!HHHH", 0, 0, 0, 0),
        question(b"allowed.test")[:4] + b"\x00\x02" + question(b"allowed.test")[6:] + question(b"b.test")[12:],
        question(b"allowed.test")[:12] + b"\xc0\x0c" + struct.pack("!HH", 1, 1),
        question(b"allowed.test", additional=[opt(), opt()]),
        question(b"allowed.test", additional=[b"\x01a" + opt()]),
        question(b"allowed.test", additional=[b"\x40" + opt()]),
        question(b"allowed.test", additional=[opt()[:-1] + b"\x01"]),
        question(b"allowed.test")[:11] + b"\x01" + question(b"allowed.test")[12:],
        question(b"allowed.test")[:12] + b"\x08" + question(b"allowed.test")[13:],
        question(b"allowed.test")[:12] + b"\x06" + question(b"allowed.test")[13:],
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
    ],
    ids=[
        "update",
        "inverse query",
        "no question",
        "two questions",
        "pointer for a name",
        "two opts",
        "opt with a name",
        "unknown label type",
        "rdata past the end",
        "one record promised",
        "label one longer",
        "label one shorter",
        "empty",
        "tls",
        "http",
    ],
)
def test_what_is_not_one_readable_question_is_malformed(message: bytes) -> None:
    with pytest.raises(ValueError, match="not one readable question"):
        query(message)


def test_a_response_is_no_query() -> None:
    with pytest.raises(ValueError, match="a response and no query"):
        query(question(b"allowed.test", flags=QR))


def test_random_octets_never_read_outside() -> None:
    rng = random.Random(1)
    for _ in range(20000):
        message = bytearray(question(b"allowed.test", additional=[opt()]) + rng.randbytes(rng.randrange(30)))
        for _ in range(rng.randrange(4)):
            message[rng.randrange(len(message))] = rng.randrange(256)
        with contextlib.suppress(ValueError):
            assert query(bytes(message)).after <= len(message)


# ------------------------------------------------------------------------------------------- a second reader: dnslib


def second_reading(message: bytes) -> tuple[int, int, bytes, int, int]:
    """The same by dnslib: identifier, flags, canonical name, type, class."""
    read = DNSRecord.parse(message)
    [asked_for] = read.questions
    name = b"".join(vector(label.lower(), 1) for label in asked_for.qname.label) + b"\x00"
    return read.header.id, read.header.bitmap, name, asked_for.qtype, asked_for.qclass


LABELS = st.lists(st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=63), max_size=4)
U16 = st.integers(0, 65535)


@given(
    labels=LABELS, qtype=U16, qclass=U16, flags=st.sampled_from([0, 0x0100, 0x0120, 0x0010, 0x07F0]), edns=st.booleans()
)
def test_every_query_reads_as_dnslib_reads_it(
    labels: list[str], qtype: int, qclass: int, flags: int, edns: bool
) -> None:
    name = ".".join(labels).encode()[:253].rstrip(b".")
    message = question(name, qtype, qclass, flags=flags, additional=[opt()] if edns else [])

    assert query(message)[:5] == second_reading(message)


@given(st.dictionaries(st.integers(0, 33), st.integers(0, 255), min_size=1, max_size=3))
def test_what_is_taken_of_changed_queries_reads_as_dnslib_reads_it(changes: dict[int, int]) -> None:
    message = bytearray(question(b"www.allowed.test"))
    for at, value in changes.items():
        message[at] = value
    assume(max(message[12:-4]) < 0x80)  # dnslib reads a label as UTF-8
    try:
        found = query(bytes(message))
    except ValueError:
        return

    assert found[:5] == second_reading(bytes(message))


# ------------------------------------------------------------------------------------------------------ options


@pytest.mark.parametrize("n", [8, 16, 17, 24, 40])
def test_a_cookie_of_a_well_formed_length_is_kept(n: int) -> None:
    assert query(asked(option(COOKIE, bytes(range(n))))).cookie == bytes(range(n))


@pytest.mark.parametrize("n", [0, 1, 7, 9, 15, 41, 300])
def test_a_cookie_of_any_other_length_is_a_format_error(n: int) -> None:
    assert fault_of(asked(option(COOKIE, bytes(n)))) == FORMERR


def test_of_several_cookies_the_first_counts() -> None:
    assert query(asked(option(COOKIE, b"cookie 1"), option(COOKIE, b"cookie 2"))).cookie == b"cookie 1"
    assert query(asked(option(COOKIE, b"cookie 1"), option(COOKIE, b"bad"))).cookie == b"cookie 1"


@pytest.mark.parametrize("n", [0, 1, 400])
def test_padding_of_any_length_asks_for_padding(n: int) -> None:
    assert query(asked(option(PADDING, bytes(n)))).is_padding_wanted
    assert not query(asked()).is_padding_wanted


@pytest.mark.parametrize("code", [65001, 65073, 65074])
def test_a_device_id_is_kept_with_its_code(code: int) -> None:
    assert query(asked(option(PADDING), option(code, b"0123"))).device == (code, b"0123")


def test_of_several_device_ids_the_last_counts_which_the_forwarder_has_put_behind_the_devices_own() -> None:
    claimed, true = option(65001, b"\x02\0\0\0\0\2"), option(65001, b"\x02\0\0\0\0\1")

    assert query(asked(claimed, option(PADDING), claimed, true)).device == (65001, b"\x02\0\0\0\0\1")


@pytest.mark.parametrize("codes", [(65074, 65001), (65001, 65074), (65001, 65073, 65001), (65073, 65073, 65001)])
def test_device_ids_of_several_kinds_name_no_device(codes: tuple[int, ...]) -> None:
    assert query(asked(*(option(code, b"0123") for code in codes))).device is None


@pytest.mark.parametrize("code", [0, 3, 8, 9, 11, 15, 65000, 65002, 65072, 65075, 65535])
def test_an_option_that_is_not_known_is_ignored(code: int) -> None:
    assert query(asked(option(code, b"anything"))) == query(asked())


@pytest.mark.parametrize("off", [-2, -1, 1, 2, 255])
def test_an_option_whose_length_does_not_hold_is_a_format_error(off: int) -> None:
    wrong = struct.pack("!HH", 3, 8 + off) + bytes(8)

    assert fault_of(asked(wrong)) == FORMERR


def test_octets_behind_the_last_option_that_are_none_are_a_format_error() -> None:
    for n in range(1, 4):
        assert fault_of(asked(option(3, b"nsid"), bytes(n))) == FORMERR


@given(
    st.lists(st.tuples(st.integers(16, 65535), st.binary(max_size=9)), max_size=8), st.binary(min_size=8, max_size=8)
)
def test_a_cookie_is_found_among_any_other_options(others: list[tuple[int, bytes]], cookie: bytes) -> None:
    before = [option(code, data) for code, data in others]

    assert query(asked(*before, option(COOKIE, cookie))).cookie == cookie
    assert query(asked(option(COOKIE, cookie), *before)).cookie == cookie


# ------------------------------------------------------------------------------------------------------ faults


def test_a_query_has_no_fault() -> None:
    assert fault_of(question(b"allowed.test")) is None
    assert fault_of(asked(option(COOKIE, b"cookie!!"))) is None


def test_two_opts_and_an_opt_with_a_name_are_format_errors() -> None:
    assert fault_of(question(b"allowed.test", additional=[opt(), opt()])) == FORMERR
    assert fault_of(question(b"allowed.test", additional=[b"\x01a" + opt()])) == FORMERR


@pytest.mark.parametrize("version", [1, 2, 255])
def test_another_version_of_edns_is_badvers_whatever_its_options(version: int) -> None:
    assert fault_of(question(b"allowed.test", additional=[opt(version=version)])) == BADVERS
    assert fault_of(question(b"allowed.test", additional=[opt(version=version, options=b"\x00\x0a\x00")])) == BADVERS


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_another_opcode_is_not_implemented(opcode: int) -> None:
    assert fault_of(question(b"allowed.test", flags=opcode << 11)) == NOTIMP


def without_question(*additional: bytes) -> bytes:
    return struct.pack("!HHHHHH", 7, RD, 0, 0, 0, len(additional)) + b"".join(additional)


def test_no_question_but_a_cookie_asks_for_a_cookie() -> None:
    assert fault_of(without_question(opt(options=option(COOKIE, b"cookie!!")))) == NOERROR


def test_no_question_and_no_good_cookie_is_a_format_error() -> None:
    assert fault_of(without_question()) == FORMERR
    assert fault_of(without_question(opt())) == FORMERR
    assert fault_of(without_question(opt(options=option(COOKIE, b"bad")))) == FORMERR
    with_answer = struct.pack("!HHHHHH", 7, RD, 0, 1, 0, 1) + b"\0" + struct.pack("!HHIH", 1, 1, 0, 0)
    assert fault_of(with_answer + opt(options=option(COOKIE, b"cookie!!"))) == FORMERR


def test_a_response_or_less_than_a_header_has_no_answer_at_all() -> None:
    for message in (question(b"allowed.test", flags=QR), question(b"allowed.test")[:11], b""):
        with pytest.raises(ValueError):
            fault_of(message)
