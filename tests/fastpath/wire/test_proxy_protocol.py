"""Every header is read as by a second reader in plain Python that shares nothing with ours."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracle.proxy_protocol import BadHeader, crc32c, read_header
from support.dns.proxy_headers import SIGNATURE, ends, header, tlv

from fastpath.wire.proxy_protocol import MAX_REST_OCTETS, octets_missing, told_by

IPV4, IPV6 = ends("192.0.2.7"), ends("2001:db8::7")
QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\1n\4test\0\0\1\0\1"
FAMILIES = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}


def summed(before: bytes, after: bytes = b"", family: int = 0x12) -> bytes:
    """A header with a good checksum between two parts of its rest."""
    octets = header(before + tlv(3, bytes(4)) + after, family)
    at = 16 + len(before) + 3
    return octets[:at] + struct.pack("!I", crc32c(octets)) + octets[at + 4 :]


WHOLE = [
    (header(IPV4), "192.0.2.7"),
    (header(IPV4, 0x11), "192.0.2.7"),
    (header(IPV6, 0x22), "2001:db8::7"),
    (header(IPV6, 0x21), "2001:db8::7"),
    (header(IPV4 + tlv(4, b"") + tlv(2, b"dns.test")), "192.0.2.7"),
    (summed(IPV4 + tlv(5, b"id"), tlv(4, bytes(9))), "192.0.2.7"),
    (summed(IPV6, family=0x22), "2001:db8::7"),
    (header(b"", 0, 0x20), None),
    (header(b"anything", 0xFF, 0x20), None),
    (header(b"", 0), None),
    (header(tlv(4, b"x"), 0), None),
    (header(bytes(216), 0x31), None),
    (header(bytes(216), 0x32), None),
]


def by_oracle(octets: bytes) -> object:
    """What the second reader makes of it."""
    try:
        read = read_header(octets)
    except BadHeader:
        return "refused"
    return read and (str(read.source[0]) if read.source else None, read.after)


def by_ours(octets: bytes) -> object:
    try:
        return told_by(octets)
    except ValueError as reason:
        assert "; not served; " in str(reason)
        return "refused"


@pytest.mark.parametrize(("octets", "client"), WHOLE)
def test_a_header_tells_the_client_and_where_it_ends(octets: bytes, client: str | None) -> None:
    assert told_by(octets) == told_by(octets + QUERY) == (client, len(octets))


@pytest.mark.parametrize("octets", [octets for octets, _ in WHOLE])
def test_a_header_cut_at_any_octet_is_cut(octets: bytes) -> None:
    assert [told_by(octets[:n]) for n in range(len(octets))] == [None] * len(octets)


@pytest.mark.parametrize("octets", [octets for octets, _ in WHOLE])
def test_a_reader_that_takes_what_is_missing_never_reads_past_the_header(octets: bytes) -> None:
    taken = 0
    while told_by(octets[:taken]) is None:
        missing = octets_missing(octets[:taken])
        assert 0 < missing <= len(octets) - taken
        taken += missing

    assert taken == len(octets)


@pytest.mark.parametrize(
    ("octets", "crc"),
    [  # RFC 3720 §B.4, and the check value of the polynomial
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_of_the_second_reader_is_that_of_the_rfc(octets: bytes, crc: int) -> None:
    assert crc32c(octets) == crc


@pytest.mark.parametrize("octets", [octets for octets, _ in WHOLE])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_length_that_is_off_by_one_is_read_as_by_the_second_reader(octets: bytes, by: int) -> None:
    n_rest = (int.from_bytes(octets[14:16], "big") + by) & 0xFFFF
    changed = octets[:14] + n_rest.to_bytes(2, "big") + octets[16:]

    for follows in (b"", QUERY):
        assert by_ours(changed + follows) == by_oracle(changed + follows)


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        ("version 1", b"PROXY UDP4 192.0.2.7 192.0.2.53 40000 53\r\n"),
        ("a query", QUERY),
        ("one octet is wrong", header(IPV4).replace(b"QUIT", b"QUIt")),
        ("the last octet of the signature", header(IPV4).replace(b"QUIT\n", b"QUIT\r")),
        ("another version", header(IPV4, command=0x11)),
        ("an unknown command", header(IPV4, command=0x22)),
        ("an unknown family", header(IPV4, 0x41)),
        ("an unknown transport", header(IPV4, 0x13)),
        ("a family without a transport", header(IPV4, 0x10)),
        ("a transport without a family", header(IPV4, 0x02)),
        ("one octet of an address is missing", header(IPV4[:-1])),
        ("IPv6 with an IPv4 address", header(IPV4, 0x22)),
        ("half a TLV head", header(IPV4 + b"\4\0")),
        ("a TLV that leaves the header", header(IPV4 + b"\4\0\2x")),
        ("a wrong checksum", summed(IPV4)[:-1] + bytes([summed(IPV4)[-1] ^ 1])),
        ("a checksum of three octets", header(IPV4 + tlv(3, bytes(3)))),
        ("of five", header(IPV4 + tlv(3, bytes(5)))),
        ("two checksums", summed(IPV4 + tlv(3, bytes(4)))),
        ("a changed address under a checksum", summed(IPV4).replace(b"\xc0\0\2\7", b"\xc0\0\2\x08")),
        ("more than we take", header(bytes(MAX_REST_OCTETS + 1))),
    ],
)
def test_what_is_no_header_is_refused(what: str, octets: bytes) -> None:
    assert by_ours(octets + QUERY) == by_oracle(octets + QUERY) == "refused"


def test_the_largest_header_is_taken() -> None:
    octets = header(IPV4 + tlv(4, bytes(MAX_REST_OCTETS - len(IPV4) - 3)))

    assert told_by(octets + QUERY) == ("192.0.2.7", len(octets))


def rests(family: int) -> st.SearchStrategy[bytes]:
    n = FAMILIES.get(family, 12)
    tlvs = st.lists(st.builds(tlv, st.sampled_from([1, 3, 4, 5]), st.binary(max_size=6)), max_size=4).map(b"".join)
    return st.tuples(st.binary(min_size=n, max_size=n), tlvs, st.binary(max_size=2)).map(b"".join)


@given(
    st.sampled_from([*FAMILIES, 0x13, 0x41, 0x01]).flatmap(
        lambda family: st.builds(header, rests(family), st.just(family), st.sampled_from([0x20, 0x21, 0x21, 0x11]))
    ),
    st.binary(max_size=20),
    st.integers(-20, 0),
)
@example(summed(IPV4), b"", 0)
def test_both_parsers_agree_on_headers_that_are_almost_right(octets: bytes, follows: bytes, cut: int) -> None:
    sent = (octets + follows)[: len(octets + follows) + cut]

    assert by_ours(sent) == by_oracle(sent)


@given(st.binary(max_size=40), st.integers(0, 12))
def test_both_parsers_agree_on_any_octets(octets: bytes, n_right: int) -> None:
    assert by_ours(SIGNATURE[:n_right] + octets) == by_oracle(SIGNATURE[:n_right] + octets)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_both_parsers_agree_on_checksums(before: bytes, after: bytes) -> None:
    octets = summed(IPV4 + tlv(4, before), tlv(5, after))

    assert by_ours(octets) == by_oracle(octets) == ("192.0.2.7", len(octets))
