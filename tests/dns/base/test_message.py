"""Messages against dnslib's, and every way to be no message."""

import dnslib
import pytest

from dns.base.length_prefix import MAX_MESSAGE_OCTETS
from dns.base.message import (
    BadMessage,
    Question,
    Record,
    is_newer,
    is_under,
    read_message,
    read_name,
    read_soa,
    skip_record,
    write_message,
)
from dns.base.wire_format import CNAME, IN, MX, QR, SOA, rcode_text

APEX = b"\3rpz\4test\0"
ZONE = """
rpz.test 60 SOA ns.rpz.test host.rpz.test 1 2 3 4 5
Bad.Example.rpz.test 60 CNAME .
*.bad.example.rpz.test 60 CNAME Garden.rpz.test
mail.rpz.test 60 MX 10 bad.example.rpz.test
t.rpz.test 60 TXT "a text"
"""


def packed(zone: str = ZONE) -> bytes:
    """A message with compression, by dnslib."""
    message = dnslib.DNSRecord(dnslib.DNSHeader(id=5, qr=1), q=dnslib.DNSQuestion("rpz.test", 252))
    message.add_answer(*dnslib.RR.fromZone(zone))
    return bytes(message.pack())


def test_names_come_folded_and_uncompressed_wherever_they_stand() -> None:
    message = read_message(packed())

    assert (message.id, message.opcode, message.rcode, bool(message.flags & QR)) == (5, 0, 0, True)
    assert message.questions == [Question(APEX, 252)]
    assert message.answers[1:4] == [
        Record(b"\3bad\7example" + APEX, CNAME, IN, 60, b"\0"),
        Record(b"\1*\3bad\7example" + APEX, CNAME, IN, 60, b"\6garden" + APEX),
        Record(b"\4mail" + APEX, MX, IN, 60, b"\0\x0a\3bad\7example" + APEX),
    ]
    assert message.answers[4].rdata == b"\6a text"
    assert read_soa(message.answers[0]) == (1, 2, 3, 4, 5)


def test_what_is_written_is_read_by_dnslib_and_by_us() -> None:
    soa = read_message(packed()).answers[0]
    octets = write_message(7, QR, [Question(APEX, SOA)], [soa], [soa])

    theirs = dnslib.DNSRecord.parse(octets)
    assert str(theirs.rr[0].rdata) == "ns.rpz.test. host.rpz.test. 1 2 3 4 5"
    assert read_message(octets).authorities == [soa]


@pytest.mark.parametrize("end", range(len(packed())))
def test_a_message_that_is_cut_off_anywhere_is_none(end: int) -> None:
    with pytest.raises(BadMessage):
        read_message(packed()[:end])


def test_octets_behind_the_last_record_are_a_fault() -> None:
    with pytest.raises(BadMessage, match="1 octets follow"):
        read_message(packed() + b"\0")


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",  # to itself
        b"\1a\xc0\x0e",  # to its own tail
        b"\xc0\xff",  # forward
        b"\xc0\x00",  # into the header
        b"\x40a\0",
        b"\x80a\0",  # label types that nobody knows
        b"\x3f" + b"a" * 62,  # cut off
        (b"\x3f" + b"a" * 63) * 4 + b"\0",  # 257 octets
        b"\1a",
        b"\1",
        b"",
        b"\xc0",
    ],
)
def test_a_name_that_is_none_is_refused(name: bytes) -> None:
    with pytest.raises(BadMessage):
        read_name(bytes(12) + name, 12, {})


def test_a_name_of_255_octets_is_one_and_of_256_none() -> None:
    longest = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"

    assert read_name(bytes(12) + longest, 12, {}) == (longest, 12 + 255)
    with pytest.raises(BadMessage):
        read_name(bytes(12) + b"\1b" + longest, 12, {})
    by_pointer = bytes(12) + longest + b"\1b\xc0\x0c"
    with pytest.raises(BadMessage):
        read_name(by_pointer, 12 + 255, {})
    known: dict[int, bytes] = {}
    assert read_name(by_pointer, 12 + 257, known)[0] == longest
    with pytest.raises(BadMessage):
        read_name(by_pointer, 12 + 255, known)


def test_a_chain_of_pointers_ends_in_time() -> None:
    chain = (
        bytes(12)
        + b"\1a\0"
        + b"".join((0xC000 | 12 + (3 if n else 0) + 2 * max(n - 1, 0)).to_bytes(2, "big") for n in range(200))
    )
    with pytest.raises(BadMessage, match="does not lead back"):
        read_name(chain, len(chain) - 2, {})


@pytest.mark.parametrize("octets", [b"", b"\0" * 10, b"\0\0\x05\0\1\0\0\0\0\0\5abc", b"\5ab"])
def test_a_record_that_is_cut_off_is_not_skipped(octets: bytes) -> None:
    with pytest.raises(BadMessage):
        skip_record(octets, 0)


def test_rdata_that_ends_elsewhere_than_it_says_is_a_fault() -> None:
    good = write_message(1, QR, [], [Record(APEX, MX, IN, 0, b"\0\1\1a\0")])
    for wrong in (b"\0\1\1a\0\0", b"\0\1\1a", b"\0"):
        with pytest.raises(BadMessage):
            read_message(write_message(1, QR, [], [Record(APEX, MX, IN, 0, wrong)]))
    assert read_message(good).answers[0].rdata == b"\0\1\1a\0"
    with pytest.raises(BadMessage):
        read_soa(read_message(write_message(1, QR, [], [Record(APEX, SOA, IN, 0, b"")])).answers[0])


def test_serials_are_compared_around_their_end() -> None:
    assert is_newer(1, 0) and is_newer(0, 2**32 - 1) and is_newer(2**31 - 1, 0)
    assert not is_newer(0, 0) and not is_newer(0, 1) and not is_newer(2**31, 0)


def test_a_name_is_under_an_apex_by_labels_not_by_octets() -> None:
    assert is_under(APEX, APEX) and is_under(b"\1a" + APEX, APEX) and is_under(APEX, b"\0")
    assert not is_under(b"\6notrpz\4test\0", APEX)
    assert not is_under(b"\x0b" + b"a" + APEX[:-1] + b"x\0", APEX)
    assert not is_under(b"\x0bx" + APEX[:-1] + APEX, b"\x0by" + APEX[:-1] + APEX)
    assert not is_under(b"\x0aa" + APEX[:-1] + b"\0", APEX)


def test_a_message_that_is_too_long_is_not_written() -> None:
    with pytest.raises(BadMessage):
        write_message(1, 0, [], [Record(APEX, 16, IN, 0, bytes(60000))] * 2)
    assert MAX_MESSAGE_OCTETS == 65535


def test_rcodes_have_names() -> None:
    assert (rcode_text(9), rcode_text(11)) == ("NOTAUTH", "rcode 11")
