import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.wire.ip_literal import wire_from_literal
from fastpath.wire.name import to_wire


@pytest.mark.parametrize(
    "text", [b"192.0.2.1", b"192.0.2.1.", b"0300.0.0x2.1", b"192.513", b"3221225985", b"0XC0000201"]
)
def test_an_ipv4_address_is_four_labels(text: bytes) -> None:
    assert wire_from_literal(text) == b"\x03192\x010\x012\x011\x00"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (b"[::]", b"[::]"),
        (b"[2001:DB8:0:0:0:0:0:1]", b"[2001:db8::1]"),
        (b"[2001:0:0:1::1]", b"[2001:0:0:1::1]"),
        (b"[1:0:0:2:0:0:0:3]", b"[1:0:0:2::3]"),
        (b"[::ffff:192.0.2.1]", b"[::ffff:c000:201]"),
        (b"[0:1::]", b"[0:1::]"),
    ],
)
def test_an_ipv6_address_is_one_label_with_brackets(text: bytes, canonical: bytes) -> None:
    assert wire_from_literal(text) == bytes([len(canonical)]) + canonical + b"\0"


@given(st.integers(0, 2**32 - 1))
def test_any_ipv4_address_keeps_its_value(value: int) -> None:
    address = ipaddress.IPv4Address(value)
    labels = [bytes([len(label)]) + label for label in str(address).encode().split(b".")]

    for text in (str(value), str(address)):
        assert wire_from_literal(text.encode()) == b"".join(labels) + b"\0"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"[:]",
        b"[::1",
        b"::1",
        b"[fe80::1%eth0]",
        b"256.0.0.1",
        b"1.2.3.4.5",
        b"a.1",
        b"[::1\x00]",
        b"[" + b"0" * 50 + b"::]",
        b"bad.example",
        b"1..2",
    ],
)
def test_what_is_no_address_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="no IPv4 address"):
        wire_from_literal(text)


def test_no_host_name_is_spelled_like_an_address() -> None:
    for text in (b"192.0.2.1", b"[::1]"):
        with pytest.raises(ValueError):
            to_wire(text)
