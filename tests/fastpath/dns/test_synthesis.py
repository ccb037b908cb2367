"""Block answers and refusals written in place, read by an independent reader (dnslib)."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator

import pytest
from dnslib import DNSRecord
from support.packets.shapes import opt, question

from fastpath.dns.query import fault_of, query
from fastpath.dns.synthesis import Block, any_answer, block_answer, cut_answer, error_answer

A, SOA, AAAA, ANY, HTTPS, OPT = 1, 6, 28, 255, 65, 41
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
CENSORED, FORGED = 16, 4
SPLASH4, SPLASH6 = bytes([192, 0, 2, 80]), bytes.fromhex("20010db8000000000000000000000080")
SPLASH = Block(is_splash=True, splash4=SPLASH4, splash6=SPLASH6, ede=CENSORED, ttl_s=30)
NXDOMAIN_BLOCK = Block(rcode=NXDOMAIN, ede=CENSORED, ttl_s=30)
OPT_OCTETS = 11
LONGEST = b".".join([b"a" * 63] * 3 + [b"a" * 61])


def flags_of(answer: bytes) -> int:
    return int.from_bytes(answer[2:4], "big")


def parsed(answer: bytes) -> DNSRecord:
    """By dnslib; every octet must have been read."""
    record = DNSRecord.parse(answer)
    assert counts(answer) == (1, len(record.rr), len(record.auth), len(record.ar))
    return record


def counts(answer: bytes) -> tuple[int, ...]:
    return struct.unpack_from("!HHHH", answer, 4)


def ede_codes(answer: bytes) -> list[int]:
    extra = [option for record in parsed(answer).ar if record.rtype == OPT for option in record.rdata]
    assert all(option.code == 15 and len(option.data) == 2 for option in extra)
    return [int.from_bytes(option.data, "big") for option in extra]


# ------------------------------------------------------------------------------------------------------ block answers


@pytest.mark.parametrize("edns", [(), (opt(),)], ids=["plain", "edns"])
@pytest.mark.parametrize(("qtype", "text"), [(A, "192.0.2.80"), (AAAA, "2001:db8::80")])
def test_a_splash_answers_the_address_of_the_family_that_was_asked(
    qtype: int, text: str, edns: tuple[bytes, ...]
) -> None:
    answer = parsed(block_answer(question(b"blocked.test", qtype, additional=edns), SPLASH))

    assert [(str(r.rname), r.rtype, r.rclass, r.ttl, str(r.rdata)) for r in answer.rr] == [
        ("blocked.test.", qtype, 1, 30, text)
    ]
    assert (answer.header.rcode, answer.auth) == (NOERROR, [])


@pytest.mark.parametrize("qtype", [2, 5, SOA, 15, 16, 33, 64, HTTPS, ANY, 999])
def test_a_splash_answers_nodata_for_every_other_type(qtype: int) -> None:
    assert_negative(block_answer(question(b"blocked.test", qtype), SPLASH), NOERROR)


def test_a_splash_without_an_address_of_that_family_answers_nodata() -> None:
    assert_negative(block_answer(question(b"blocked.test", AAAA), SPLASH._replace(splash6=None)), NOERROR)
    assert_negative(block_answer(question(b"blocked.test", A), SPLASH._replace(splash4=None)), NOERROR)


def test_a_splash_address_is_given_in_class_in_only() -> None:
    chaos = parsed(block_answer(question(b"blocked.test", A, 3), SPLASH))

    assert chaos.rr == [] and [record.rclass for record in chaos.auth] == [3]


def assert_negative(answer: bytes, rcode: int) -> None:
    read = parsed(answer)
    assert (read.header.rcode, read.rr, len(read.auth)) == (rcode, [], 1)
    soa = read.auth[0]
    assert (str(soa.rname), soa.rtype, soa.rclass, soa.ttl) == (str(read.q.qname), SOA, 1, 30)
    assert (str(soa.rdata.mname), str(soa.rdata.rname)) == ("filterd.invalid.", "hostmaster.filterd.invalid.")
    assert soa.rdata.times[4] == 30


@pytest.mark.parametrize("qtype", [A, AAAA, HTTPS, SOA, ANY])
@pytest.mark.parametrize("name", [b"blocked.test", b"", LONGEST])
def test_a_negative_answer_carries_a_soa_for_every_type(name: bytes, qtype: int) -> None:
    assert_negative(block_answer(question(name, qtype), NXDOMAIN_BLOCK), NXDOMAIN)
    assert_negative(block_answer(question(name, qtype), NXDOMAIN_BLOCK._replace(rcode=NOERROR)), NOERROR)


def test_a_refusal_carries_no_soa() -> None:
    refused = block_answer(question(b"blocked.test", additional=[opt()]), Block(rcode=REFUSED, ede=18))

    assert (parsed(refused).header.rcode, counts(refused), ede_codes(refused)) == (REFUSED, (1, 0, 0, 1), [18])


def test_the_question_comes_back_octet_for_octet() -> None:
    asked = question(b"bLoCkEd.TeSt", additional=[opt()])
    end = query(asked).after

    for block in (SPLASH, NXDOMAIN_BLOCK, Block(rcode=REFUSED), Block(is_cut=True)):
        assert block_answer(asked, block)[12:end] == asked[12:end]
        assert block_answer(asked, block)[:2] == asked[:2]


@pytest.mark.parametrize("asked", [0, RD, CD, RD | CD, AD | RD, AA | TC | RA | 0x40 | 0x0F])
def test_the_header_copies_rd_and_cd_and_nothing_else(asked: int) -> None:
    answered = flags_of(block_answer(question(b"blocked.test", flags=asked), SPLASH))

    assert answered == QR | RA | asked & (RD | CD)


def test_an_answer_has_edns_only_where_the_question_had() -> None:
    assert parsed(block_answer(question(b"blocked.test"), SPLASH)).ar == []

    record = parsed(block_answer(question(b"blocked.test", additional=[opt(4096)]), SPLASH)).ar[0]
    assert (record.rtype, str(record.rname), record.edns_len, record.edns_ver, record.edns_do) == (OPT, ".", 1232, 0, 0)


def test_the_do_bit_is_copied() -> None:
    assert (
        parsed(block_answer(question(b"blocked.test", additional=[opt(is_dnssec_ok=True)]), SPLASH)).ar[0].edns_do == 1
    )


def test_the_extended_error_says_why_and_forged_where_an_address_is_given() -> None:
    asked = {qtype: question(b"blocked.test", qtype, additional=[opt()]) for qtype in (A, AAAA, HTTPS)}

    assert ede_codes(block_answer(asked[A], SPLASH)) == [CENSORED, FORGED]
    assert ede_codes(block_answer(asked[AAAA], SPLASH)) == [CENSORED, FORGED]
    assert ede_codes(block_answer(asked[HTTPS], SPLASH)) == [CENSORED]
    assert ede_codes(block_answer(asked[A], NXDOMAIN_BLOCK)) == [CENSORED]
    assert ede_codes(block_answer(asked[A], Block())) == []


def test_an_edns_version_we_do_not_speak_gets_badvers() -> None:
    asked = question(b"blocked.test", additional=[opt(version=1)])
    answer = error_answer(asked, fault_of(asked) or 0)
    record = parsed(answer).ar[0]

    assert (flags_of(answer) & 15) | (record.edns_rcode << 4) == BADVERS
    assert (record.edns_ver, counts(answer)) == (0, (1, 0, 0, 1))


@pytest.mark.parametrize("edns", [(), (opt(),)], ids=["plain", "edns"])
def test_tcp_only_is_an_empty_answer_with_tc(edns: tuple[bytes, ...]) -> None:
    answer = block_answer(question(b"blocked.test", additional=edns), Block(is_cut=True))

    assert flags_of(answer) == QR | TC | RD | RA
    assert counts(answer) == (1, 0, 0, len(edns))


def test_no_answer_is_longer_than_512_octets_or_its_room() -> None:
    asked = question(LONGEST, AAAA, additional=[opt(512)])
    end = query(asked).after
    for block in (SPLASH, NXDOMAIN_BLOCK):
        whole = block_answer(asked, block)
        assert len(whole) <= 512
        for room in range(end, len(whole)):
            cut = block_answer(asked, block, room)
            assert (len(cut) <= room, flags_of(cut) & TC, counts(cut)[3]) == (True, TC, room >= end + OPT_OCTETS)
            assert ede_codes(cut) == [] or counts(cut)[:3] == (1, 0, 0), "first the errors go, then the records"
        assert block_answer(asked, block, len(whole)) == whole


def test_a_room_that_does_not_hold_the_question_gives_no_answer() -> None:
    asked = question(b"blocked.test")
    for room in range(len(asked)):
        with pytest.raises(ValueError, match="do not hold the question"):
            block_answer(asked, SPLASH, room)


def test_only_queries_are_blocked_and_only_with_addresses_of_the_right_size() -> None:
    with pytest.raises(ValueError, match="a response"):
        block_answer(question(b"blocked.test", flags=QR), SPLASH)
    with pytest.raises(ValueError, match="IPv4 address has 4 octets, not 5"):
        block_answer(question(b"blocked.test"), SPLASH._replace(splash4=bytes(5)))
    with pytest.raises(ValueError, match="IPv6 address has 16 octets, not 4"):
        block_answer(question(b"blocked.test"), SPLASH._replace(splash6=bytes(4)))


# ------------------------------------------------------------------------------------------------------ errors


def test_an_error_keeps_the_header_and_a_readable_question() -> None:
    asked = question(b"AlloweD.test", flags=RD | CD)
    answer = error_answer(asked, SERVFAIL)

    assert answer[12:] == asked[12 : query(asked).after]
    assert (flags_of(answer), counts(answer)) == (QR | RD | RA | CD | SERVFAIL, (1, 0, 0, 0))


def test_an_error_has_edns_where_the_question_had_and_says_why() -> None:
    asked = question(b"AlloweD.test", additional=[opt(is_dnssec_ok=True)])
    plain, with_reason = error_answer(asked, REFUSED), error_answer(asked, REFUSED, 18)

    assert (ede_codes(plain), ede_codes(with_reason)) == ([], [18])
    assert parsed(plain).ar[0].edns_do == 1
    assert ede_codes(error_answer(question(b"allowed.test"), REFUSED, 18)) == []


def test_an_error_for_a_bad_option_still_has_edns() -> None:
    asked = question(b"allowed.test", additional=[opt(options=b"\x00\x0a\x00\x02ab")])

    assert counts(error_answer(asked, FORMERR)) == (1, 0, 0, 1)


def test_an_error_keeps_the_opcode() -> None:
    assert flags_of(error_answer(question(b"allowed.test", flags=0x2800), NOTIMP)) == QR | 0x2800 | RA | NOTIMP


@pytest.mark.parametrize("tail", [b"", b"\xc0\x0c\x00\x01\x00\x01", b"\x07allowe", b"\x00\x00\x01\x00"])
def test_an_error_for_an_unreadable_question_is_a_bare_header(tail: bytes) -> None:
    answer = error_answer(question(b"allowed.test")[:12] + tail, FORMERR)

    assert (len(answer), counts(answer)) == (12, (0, 0, 0, 0))


def test_a_response_or_less_than_a_header_is_never_answered() -> None:
    assert error_answer(question(b"allowed.test", flags=QR), FORMERR) == b""
    for n in range(12):
        assert error_answer(question(b"allowed.test")[:n], FORMERR) == b""


# ------------------------------------------------------------------------------------------------------ ANY, TC


@pytest.mark.parametrize("edns", [(), (opt(),)], ids=["plain", "edns"])
def test_any_is_answered_with_one_hinfo_record_that_names_the_rfc(edns: tuple[bytes, ...]) -> None:
    asked = question(b"Allowed.test", ANY, additional=edns)
    answer = any_answer(asked)
    record = parsed(answer)

    assert [(str(r.rname), r.rtype, r.ttl) for r in record.rr] == [("Allowed.test.", 13, 3600)]
    assert answer[query(asked).after + 12 :][:9] == b"\x07RFC8482\x00"
    assert (record.header.rcode, counts(answer)) == (NOERROR, (1, 1, 0, len(edns)))


def test_an_answer_to_any_for_the_longest_name_fits_512_octets() -> None:
    assert counts(any_answer(question(LONGEST, ANY, additional=[opt(512)]))) == (1, 1, 0, 1)


@pytest.mark.parametrize("edns", [(), (opt(),)], ids=["plain", "edns"])
def test_a_slipped_answer_is_empty_and_sends_the_client_to_tcp(edns: tuple[bytes, ...]) -> None:
    asked = question(b"Allowed.test", additional=edns)
    answer = cut_answer(asked)

    assert (flags_of(answer), counts(answer)) == (QR | TC | RD | RA, (1, 0, 0, len(edns)))
    assert answer[12 : query(asked).after] == asked[12 : query(asked).after]


# ------------------------------------------------------------------------------------------------------ a real client


@pytest.fixture
def port() -> Iterator[int]:
    """A UDP server that answers every question with SPLASH."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=answer_one, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def answer_one(server: socket.socket) -> None:
    asked, client = server.recvfrom(4096)
    server.sendto(block_answer(asked, SPLASH), client)


@pytest.mark.services
@pytest.mark.skipif(shutil.which("kdig") is None, reason="kdig is not installed")
def test_kdig_reads_a_block_answer(port: int) -> None:
    asked = ["kdig", "@127.0.0.1", "-p", str(port), "+edns", "+retry=0", "Blocked.test", "A"]
    said = subprocess.run(asked, capture_output=True, check=True, text=True, timeout=60).stdout

    assert "192.0.2.80" in said and "Censored" in said and "Forged" in said
    assert "WARNING" not in said
