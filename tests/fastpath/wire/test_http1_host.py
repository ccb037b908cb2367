"""Host values: as sent, and every name in what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.wire.http1_host import hosts_in


@pytest.mark.parametrize(
    "value",
    [
        b"a.test",
        b"a.test:80",
        b"a.test:",
        b"a.test.",
        b"192.0.2.1:8080",
        b"[2001:db8::1]:80",
        b"x_y-z",
        b"w" * 63 + b".a.test",
    ],
)
def test_a_name_or_an_address_is_all_that_is_in_its_value(value: bytes) -> None:
    assert hosts_in(value) == hosts_in(b" \t" + value + b"\r ") == [value]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (b"a.test\x00b.test", [b"a.test", b"b.test"]),
        (b"a.test, b.test", [b"a.test", b"b.test"]),
        (b"a.test/x", [b"a.test", b"x"]),
        (b"a.test@", [b"a.test"]),
        (b"u@a.test", [b"u", b"a.test"]),
        (b"w\xff.a.test", [b"w", b"a.test"]),
        (b".a.test", [b"a.test"]),
        (b"w..a.test", [b"a.test"]),
        (b"a.test..", [b"a.test"]),
        (b"a.test:x", [b"a.test", b"x"]),
        (b":a.test", [b"a.test"]),
        (b"w" * 64 + b".a.test", [b"a.test"]),
        (b"w." * 124 + b"a.test", [b"w." * 123 + b"a.test"]),
        (b"\x01\x02", []),
        (b"[a.test", [b"a.test"]),
        (b"[::1].a.test", [b"1", b"a.test"]),
        (b"[x@a.test]", [b"x", b"a.test"]),
    ],
)
def test_of_what_is_no_name_the_names_in_it_are_found(value: bytes, names: list[bytes]) -> None:
    assert hosts_in(value) == [value, *names]


def test_white_space_is_no_host() -> None:
    assert hosts_in(b"") == hosts_in(b" \t\r\n") == []


def test_eight_are_kept() -> None:
    assert len(hosts_in(b",".join(b"n%d.test" % n for n in range(20)))) == 8


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_a_name_between_any_octets_is_found(before: bytes, after: bytes) -> None:
    found = [one for one in hosts_in(before + b",a.test," + after) if one == b"a.test"]

    assert found or len(hosts_in(before)) > 6
