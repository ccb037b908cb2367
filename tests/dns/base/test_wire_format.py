import pytest
from dnslib import QTYPE, RCODE, DNSHeader

from dns.base import wire_format

FLAGS = {"qr": wire_format.QR, "aa": wire_format.AA, "tc": wire_format.TC, "rd": wire_format.RD}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_stands_where_a_second_reader_puts_it(flag: str) -> None:
    header = DNSHeader(**{"qr": 0, "aa": 0, "tc": 0, "rd": 0, "ra": 0, flag: 1})

    assert header.bitmap == FLAGS[flag]


@pytest.mark.parametrize("name", ["A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "RP", "AFSDB", "AAAA", "SRV", "DNAME"])
def test_a_type_has_the_number_that_a_second_reader_gives_it(name: str) -> None:
    assert getattr(wire_format, name) == QTYPE.reverse[name]


def test_an_rcode_is_shown_by_its_mnemonic_or_its_number() -> None:
    known = [
        wire_format.FORMERR,
        wire_format.SERVFAIL,
        wire_format.NXDOMAIN,
        wire_format.NOTIMP,
        wire_format.REFUSED,
        wire_format.NOTAUTH,
    ]

    assert [wire_format.rcode_text(rcode) for rcode in known] == [RCODE[rcode] for rcode in known]
    assert wire_format.rcode_text(11) == "rcode 11"


def test_opcode_and_rcode_are_read_of_the_flags() -> None:
    octets = bytes(2) + b"\xa4\x85" + bytes(8)

    assert wire_format.opcode_of(wire_format.flags_of(octets)) == wire_format.NOTIFY
    assert wire_format.flags_of(octets) & wire_format.RCODE_MASK == wire_format.REFUSED


@pytest.mark.parametrize(
    ("octets", "is_request", "is_response"),
    [
        (bytes(12), True, False),
        (b"\0\0\x80" + bytes(9), False, True),
        (bytes(11), False, False),
        (b"\0\0\x80" + bytes(8), False, False),
        (b"", False, False),
    ],
)
def test_a_header_is_of_a_request_or_a_response_and_a_part_of_one_is_of_none(
    octets: bytes, is_request: bool, is_response: bool
) -> None:
    assert (wire_format.is_request(octets), wire_format.is_response(octets)) == (is_request, is_response)
