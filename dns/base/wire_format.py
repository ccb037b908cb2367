"""Numbers of the DNS wire format, each named once for the Python side (fastpath/dns/wire.pxd for the compiled side).

Invariants: flags are masks of the header's second 16 bits, never of one octet.
Source: RFC 1035 §4.1.1, RFC 1996 §3, RFC 6895 §2, RFC 8945 §5.3.
"""

from typing import Final

HEADER_OCTETS: Final = 12
MAX_NAME_OCTETS: Final = 255

QR: Final = 0x8000
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
OPCODE_MASK: Final = 0x7800
OPCODE_SHIFT: Final = 11
RCODE_MASK: Final = 0x000F

QUERY: Final = 0
NOTIFY: Final = 4

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH = 0, 1, 2, 3, 4, 5, 9

IN: Final = 1
ANY_CLASS: Final = 255

A, NS, CNAME, SOA, PTR, MX, TXT, RP, AFSDB, AAAA, SRV, DNAME = 1, 2, 5, 6, 12, 15, 16, 17, 18, 28, 33, 39
TSIG, IXFR, AXFR = 250, 251, 252

_RCODES: Final = {
    FORMERR: "FORMERR",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "NXDOMAIN",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
    NOTAUTH: "NOTAUTH",
}


def flags_of(octets: bytes) -> int:
    """The flags of a message, with opcode and rcode.   octets: a whole header at least"""
    return octets[2] << 8 | octets[3]


def opcode_of(flags: int) -> int:
    """The opcode in a header's flags."""
    return (flags & OPCODE_MASK) >> OPCODE_SHIFT


def is_response(octets: bytes) -> bool:
    """Whether octets have a whole header, with the flag of a response."""
    return len(octets) >= HEADER_OCTETS and bool(flags_of(octets) & QR)


def is_request(octets: bytes) -> bool:
    """Whether octets have a whole header, without the flag of a response."""
    return len(octets) >= HEADER_OCTETS and not flags_of(octets) & QR


def rcode_text(rcode: int) -> str:
    """The mnemonic of an rcode, or its number."""
    return _RCODES.get(rcode, f"rcode {rcode}")
