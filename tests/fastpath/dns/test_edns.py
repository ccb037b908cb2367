"""The OPT of our answers and of our queries, read by an independent reader (dnslib)."""

import random
import struct
from typing import Any

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from support.packets.shapes import opt, question, vector

from fastpath.dns.edns import Way, answer_for_client, condensed, query_for_upstream
from fastpath.dns.query import query
from fastpath.dns.synthesis import Block, block_answer, error_answer
from fastpath.testing.cookies import CookieJar

OPT, TC, AD, CD, RD, QR, RA = 41, 0x0200, 0x0020, 0x0010, 0x0100, 0x8000, 0x0080
SUBNET, COOKIE, PADDING, EDE = 8, 10, 12, 15
SERVFAIL = 2
MASTER = bytes(range(16))
NOW = 1_800_000_000
ENCRYPTED = Way(is_stream=True, is_encrypted=True)
LONG = b".".join([b"a" * 63] * 3 + [b"a" * 61])


def option(code: int, data: bytes = b"") -> bytes:
    return struct.pack("!H", code) + vector(data, 2)


def asked(*options: bytes, name: bytes = b"Allowed.test", size: int = 1232, is_dnssec_ok: bool = False) -> bytes:
    return question(name, additional=[opt(size, 0, is_dnssec_ok, b"".join(options))])


def address_record(ttl_s: int = 60) -> bytes:
    return struct.pack("!HHHIH", 0xC00C, 1, 1, ttl_s, 4) + bytes([192, 0, 2, 1])


def answer_to(
    message: bytes, *, records: int = 1, additional: tuple[bytes, ...] = (opt(),), flags: int = QR | RD | RA
) -> bytes:
    """What an upstream says to `message`."""
    head = message[:2] + struct.pack("!HHHHH", flags, 1, records, 0, len(additional))
    return head + message[12 : query(message).after] + address_record() * records + b"".join(additional)


def options_of(message: bytes) -> list[tuple[int, bytes]]:
    return [(each.code, bytes(each.data)) for record in opts_of(message) for each in record.rdata]


def opts_of(message: bytes) -> list[Any]:
    parsed = DNSRecord.parse(message)
    assert struct.unpack_from("!HHHH", message, 4)[1:] == (len(parsed.rr), len(parsed.auth), len(parsed.ar))
    return [record for record in parsed.ar if record.rtype == OPT]


def flags_of(message: bytes) -> int:
    return int.from_bytes(message[2:4], "big")


# ------------------------------------------------------------------------------------------------------ answers


def test_a_client_without_edns_gets_no_opt() -> None:
    plain = question(b"Allowed.test")

    assert answer_for_client(answer_to(plain), plain) == answer_to(plain, additional=())


def test_a_client_with_edns_gets_our_opt_instead_of_the_upstreams() -> None:
    message = asked(option(COOKIE, b"cookie!!"), size=4096)
    answer = answer_for_client(answer_to(message, additional=(opt(4096, options=option(3, b"nsid")),)), message)

    assert answer == answer_to(message, additional=(opt(1232),))


def test_a_client_with_edns_gets_an_opt_where_the_upstream_gave_none() -> None:
    message = asked()

    assert answer_for_client(answer_to(message, additional=()), message) == answer_to(message)


@pytest.mark.parametrize("is_dnssec_ok", [True, False])
def test_the_do_bit_is_the_clients(is_dnssec_ok: bool) -> None:
    message = asked(is_dnssec_ok=is_dnssec_ok)
    upstreams = opt(is_dnssec_ok=not is_dnssec_ok)

    assert opts_of(answer_for_client(answer_to(message, additional=(upstreams,)), message))[0].edns_do == is_dnssec_ok


def test_ad_is_for_clients_that_asked_for_it_or_for_dnssec() -> None:
    validated = QR | RD | RA | AD
    for message, expected in (
        (question(b"a.test"), 0),
        (asked(), 0),
        (question(b"a.test", flags=RD | AD), AD),
        (asked(is_dnssec_ok=True), AD),
    ):
        assert flags_of(answer_for_client(answer_to(message, flags=validated), message)) & AD == expected


def test_additional_records_before_and_behind_the_opt_go_with_it() -> None:
    message = asked()
    answer = answer_to(message, additional=(address_record(), opt(), address_record()))

    assert answer_for_client(answer, message) == answer_to(message, additional=(opt(),))


def test_the_upstreams_first_two_extended_errors_are_passed_on_without_their_text() -> None:
    message = asked()
    errors = option(EDE, b"\0\x06bogus") + option(EDE, b"\0\x07") + option(EDE, b"\0\x16") + option(EDE, b"\0")
    answer = answer_for_client(answer_to(message, additional=(opt(options=errors),)), message)

    assert options_of(answer) == [(EDE, b"\0\x06"), (EDE, b"\0\x07")]


def test_an_extended_rcode_of_the_upstream_is_a_servfail_for_the_client() -> None:
    badcookie = b"\0" + struct.pack("!HHBBHH", OPT, 1232, 1, 0, 0, 0)
    for message in (question(b"a.test"), asked()):
        answer = answer_for_client(answer_to(message, additional=(badcookie,), flags=QR | RD | RA | 7), message)

        assert DNSRecord.parse(answer).header.rcode == SERVFAIL
        assert [record.edns_rcode for record in opts_of(answer)] in ([], [0])


def test_an_answer_that_is_longer_than_the_client_takes_is_cut_to_its_question() -> None:
    plain = question(b"Allowed.test")
    for message, most in ((plain, 512), (asked(size=700), 700), (asked(size=4096), 1232)):
        end = query(message).after
        for records in range(100):
            answer = answer_for_client(answer_to(message, records=records), message)
            is_whole = end + 16 * records + (11 if message is not plain else 0) <= most
            assert flags_of(answer) & TC == (0 if is_whole else TC)
            assert struct.unpack_from("!HHHH", answer, 4) == (1, records * is_whole, 0, int(message is not plain))


def test_a_stream_takes_what_a_datagram_does_not() -> None:
    plain = question(b"Allowed.test")

    assert flags_of(answer_for_client(answer_to(plain, records=100), plain, Way(is_stream=True))) & TC == 0


def test_an_upstreams_answer_that_cannot_be_read_gives_none() -> None:
    message = asked()
    whole = answer_to(message)
    for n in range(12, len(whole)):
        assert answer_for_client(whole[:n], message) == b""


# ------------------------------------------------------------------------------------------------------ EDE


def test_extra_text_stands_behind_the_first_info_code() -> None:
    message = asked(option(26))
    answer = block_answer(message, Block(is_splash=True, splash4=bytes(4), ede=16, text="بند".encode()))

    assert options_of(answer)[0] == (EDE, b"\0\x10" + "بند".encode())


def test_extra_text_goes_first_then_the_errors_then_the_records() -> None:
    message = asked(option(26), name=LONG, size=512)
    block = Block(is_splash=True, splash4=bytes(4), ede=16, text=bytes(100))
    end = query(message).after
    record, whole = 16, 11 + 6
    for room, parts in {
        end + record + whole + 100: (1, [(EDE, b"\0\x10" + bytes(100))], 0),
        end + record + whole + 99: (1, [(EDE, b"\0\x10")], 0),
        end + record + whole: (1, [(EDE, b"\0\x10")], 0),
        end + record + whole - 1: (1, [], TC),
        end + record + 11: (1, [], TC),
        end + record + 10: (0, [(EDE, b"\0\x10")], TC),
        end + whole - 1: (0, [], TC),
    }.items():
        answer = block_answer(message, block, room)
        assert (answer[7], options_of(answer), flags_of(answer) & TC) == parts, room - end


# ------------------------------------------------------------------------------------------------------ padding


@pytest.mark.parametrize("name", [b"", b"a.test", LONG])
@pytest.mark.parametrize("records", [0, 1, 25, 26, 27, 28, 29, 30, 60, 1000])
def test_an_encrypted_answer_is_padded_to_blocks_where_the_client_pads(name: bytes, records: int) -> None:
    message = asked(option(PADDING, bytes(3)), name=name)
    answer = answer_for_client(answer_to(message, records=records), message, ENCRYPTED)

    assert len(answer) % 468 == 0
    assert [code for code, data in options_of(answer) if not any(data)] == [PADDING]


def test_every_length_up_to_three_blocks_is_padded_to_the_next_whole_block() -> None:
    message = asked(option(PADDING))
    end = query(message).after
    for n in range(3 * 468 - end):
        text = vector(bytes(min(n, 255)), 1) + bytes(max(0, n - 255))
        record = struct.pack("!HHHIH", 0xC00C, 16, 1, 9, len(text)) + text
        answer = message[:2] + struct.pack("!HHHHH", QR, 1, 1, 0, 0) + message[12:end] + record

        padded = len(answer_for_client(answer, message, ENCRYPTED))
        assert padded % 468 == 0 and 0 <= padded - (len(answer) + 11 + 4) < 468


def test_nobody_else_is_padded() -> None:
    for message, way in (
        (asked(), ENCRYPTED),
        (asked(option(PADDING)), Way(is_stream=True)),
        (asked(option(PADDING)), Way()),
        (question(b"Allowed.test"), ENCRYPTED),
    ):
        assert PADDING not in dict(options_of(answer_for_client(answer_to(message), message, way)))


def test_padding_never_makes_an_answer_too_long() -> None:
    message = asked(option(PADDING))
    whole = answer_to(message, records=30)
    for records in (78, 79, 4090, 4091, 4092):
        answer = answer_for_client(answer_to(message, records=records), message, ENCRYPTED)
        assert len(answer) <= 65535 and flags_of(answer) & TC == 0
    assert len(answer_for_client(whole, message, Way(is_encrypted=True))) <= 1232


def test_blocks_and_errors_are_padded_too() -> None:
    assert len(block_answer(asked(option(PADDING)), Block(), way=ENCRYPTED)) == 468
    assert len(error_answer(asked(option(PADDING)), SERVFAIL)) < 468


# ------------------------------------------------------------------------------------------------------ queries


def test_an_upstream_sees_our_opt_and_nothing_of_the_clients_but_do() -> None:
    secrets = [
        option(COOKIE, b"cookie!!"),
        option(SUBNET, b"\0\1\x18\0\xc0\0\2"),
        option(PADDING, bytes(50)),
        option(26),
    ]
    devices = [option(code, b"device") for code in (65001, 65073, 65074)]

    for is_dnssec_ok in (True, False):
        message = asked(*secrets, *devices, size=4096, is_dnssec_ok=is_dnssec_ok)
        sent = query_for_upstream(message)
        assert sent == question(b"Allowed.test", flags=RD | AD, additional=[opt(1232, is_dnssec_ok=is_dnssec_ok)])


def test_an_upstream_sees_edns_also_where_the_client_had_none() -> None:
    assert query_for_upstream(question(b"a.test")) == question(b"a.test", flags=RD | AD, additional=[opt()])


@pytest.mark.parametrize("flags", [0, RD, CD, AD, RD | CD, 0x0640 | RA | 0x0F])
def test_rd_and_cd_are_the_clients_ad_is_ours_and_the_rest_is_0(flags: int) -> None:
    assert flags_of(query_for_upstream(question(b"a.test", flags=flags))) == flags & (RD | CD) | AD


def test_other_records_of_a_query_and_octets_behind_it_stay_here() -> None:
    tsig = b"\x03key\x00" + struct.pack("!HHIH", 250, 255, 0, 0)
    message = question(b"a.test", additional=[tsig, opt(), address_record()]) + b"junk"

    assert query_for_upstream(message) == question(b"a.test", flags=RD | AD, additional=[opt()])


# ------------------------------------------------------------------------------------------------------ cookies


def test_an_answer_carries_the_clients_cookie_and_the_servers() -> None:
    jar = CookieJar(MASTER)
    message = asked(option(COOKIE, b"client-c"))
    answer = answer_for_client(answer_to(message), message, Way(), MASTER, "192.0.2.1", NOW)

    [(code, cookie)] = options_of(answer)
    assert (code, jar.check(cookie, "192.0.2.1", NOW)) == (COOKIE, (True, cookie))


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a master key of 15 octets"):
        answer_for_client(answer_to(asked()), asked(), Way(), bytes(15), "192.0.2.1", NOW)


def test_a_client_without_a_cookie_gets_none() -> None:
    answer = answer_for_client(answer_to(asked()), asked(), Way(), MASTER, "192.0.2.1", NOW)

    assert options_of(answer) == []


# ------------------------------------------------------------------------------------------------------ anything

OPTIONS = st.lists(
    st.one_of(
        st.tuples(st.just(COOKIE), st.binary(min_size=8, max_size=8)),
        st.tuples(st.just(COOKIE), st.binary(min_size=16, max_size=40)),
        st.tuples(st.sampled_from([SUBNET, PADDING, 26, 65001, 65073, 65074, 3]), st.binary(max_size=60)),
    ),
    max_size=6,
)


@given(OPTIONS, st.integers(0, 80), st.booleans(), st.booleans(), st.integers(0, 65535))
def test_whatever_is_asked_the_answer_fits_and_reads_back(
    options: list[tuple[int, bytes]], records: int, is_stream: bool, is_encrypted: bool, size: int
) -> None:
    message = asked(*(option(code, data) for code, data in options), size=size)
    way = Way(is_stream, is_encrypted)
    answer = answer_for_client(answer_to(message, records=records), message, way, MASTER, "192.0.2.9", NOW)

    codes = [code for code, _ in options_of(answer)]
    assert len(answer) <= (65535 if is_stream else min(max(size, 512), 1232))
    assert len(opts_of(answer)) == 1 and len(set(codes)) == len(codes)
    assert (COOKIE in codes) == any(code == COOKIE for code, _ in options)
    assert set(codes) <= {COOKIE, PADDING}


def test_random_octets_as_an_upstreams_answer_never_read_or_write_outside() -> None:
    rng = random.Random(2)
    message = asked(option(COOKIE, b"client-c"))
    for _ in range(20000):
        upstreams = opt(options=option(EDE, b"\0\1"))
        answer = bytearray(answer_to(message, records=rng.randrange(3), additional=(upstreams,)))
        for _ in range(rng.randrange(1, 6)):
            answer[rng.randrange(len(answer))] = rng.randrange(256)
        assert len(answer_for_client(bytes(answer[: rng.randrange(len(answer) + 1)]), message)) <= 1232


def test_the_short_form_of_a_long_query_gets_the_same_opt_as_the_query_itself() -> None:
    for options in (
        [(10, b"12345678")],
        [(10, b"12345678" * 5), (26, b""), (3, b"")],
        [(12, bytes(700))],
        [(65001, bytes(6)), (10, b"12345678"), (12, b"x" * 600), (65535, bytes(400))],
    ):
        for is_dnssec_ok in (False, True):
            data = b"".join(struct.pack("!HH", code, len(value)) + value for code, value in options)
            message = question(b"a.test", additional=[opt(is_dnssec_ok=is_dnssec_ok, options=data)])
            short = condensed(message)

            whole, kept = query(message), query(short)
            assert len(short) < 512
            assert kept._replace(device=None) == whole._replace(device=None)


def test_the_short_form_of_a_query_without_edns_has_none() -> None:
    message = question(b"a.test", additional=[address_record()])

    assert condensed(message) == question(b"a.test")
