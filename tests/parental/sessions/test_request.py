import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sessions.requests import (
    INTERIM,
    SECRET,
    START,
    accounting,
    attribute,
    is_answer,
    number,
    prefix6,
    told,
)

from parental.sessions.request import Accounting, ForgedRequest, MalformedRequest, answer_to, read_request


def read(datagram: bytes) -> Accounting:
    return read_request(datagram, SECRET)[0]


def test_a_request_is_read_with_name_session_times_and_prefixes() -> None:
    found = read(
        accounting(
            attribute(40, number(INTERIM)),
            attribute(44, b"s1"),
            attribute(1, b"flat3@isp.example"),
            attribute(31, b"00-53-00-11-22-33"),
            attribute(32, b"bng1"),
            attribute(8, bytes((192, 0, 2, 7))),
            attribute(97, prefix6("2001:db8:1::/64")),
            attribute(123, prefix6("2001:db8:7::/56")),
            attribute(168, bytes.fromhex("20010db8000200000000000000000001")),
            attribute(55, number(1_800_000_000)),
            attribute(41, number(3)),
            attribute(46, number(60)),
        )
    )

    assert (found.status, found.session, found.user, found.nas) == (3, b"s1", b"flat3@isp.example", b"bng1")
    assert (found.station, found.at_s, found.delay_s, found.lasted_s) == (b"00-53-00-11-22-33", 1_800_000_000, 3, 60)
    assert [slot[:1] for slot in found.slots] == [b"\x20", b"\x40", b"\x38", b"\x80"]
    assert found.slots[0] == b"\x20\xc0\x00\x02\x07"


def test_the_answer_is_one_that_a_nas_believes_and_carries_the_state_of_its_relay() -> None:
    request = accounting(attribute(40, number(START)), attribute(33, b"relay"), attribute(33, b"two"))

    answer = answer_to(read_request(request, SECRET)[1])

    assert is_answer(answer, request)
    assert answer[20:] == attribute(33, b"relay") + attribute(33, b"two")


def test_a_request_with_another_secret_or_one_changed_octet_is_forged() -> None:
    request = told(START, address="192.0.2.7")

    with pytest.raises(ForgedRequest):
        read_request(request, b"another secret of 24....")
    for at in range(20, len(request)):
        changed = bytearray(request)
        changed[at] ^= 0x40
        with pytest.raises((ForgedRequest, MalformedRequest)):
            read(bytes(changed))


def test_every_truncation_of_a_request_is_refused() -> None:
    request = told(START, address="192.0.2.7", prefix="2001:db8:7::/56", at_s=1)

    for length in range(len(request)):
        with pytest.raises(MalformedRequest):
            read(request[:length])


def test_every_truncation_with_a_right_length_and_authenticator_is_read_or_refused() -> None:
    body = told(START, address="192.0.2.7", prefix="2001:db8:7::/56", at_s=1)[20:]
    n_read = 0

    for length in range(len(body)):
        try:
            read(accounting(body[:length]))
            n_read += 1
        except MalformedRequest:
            continue

    assert n_read == 7  # where an attribute ends


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=30)), max_size=12))
def test_any_attributes_are_read_or_refused_and_nothing_else(parts: list[tuple[int, bytes]]) -> None:
    try:
        found = read(accounting(*(attribute(kind, value) for kind, value in parts)))
    except MalformedRequest:
        return

    assert all(len(slot) in (0, 5, 17) for slot in found.slots)


@given(st.binary(max_size=80))
def test_any_octets_are_refused_without_the_secret(octets: bytes) -> None:
    with pytest.raises((MalformedRequest, ForgedRequest)):
        read(octets)


@given(st.binary(max_size=60))
def test_any_octets_behind_a_right_header_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(MalformedRequest):
        read(accounting(body))


@pytest.mark.parametrize("address", [b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\0\0\0\0"])
def test_an_address_to_be_chosen_later_is_none(address: bytes) -> None:
    assert read(accounting(attribute(8, address))).slots[0] == b""


@pytest.mark.parametrize(
    "part",
    [
        attribute(8, b"\xe0\0\0\x01"),  # multicast, where images hold devices of a token
        attribute(8, b"\x7f\0\0\x01"),
        attribute(8, b"\xc0\0\2"),
        attribute(40, b"\1"),
        attribute(168, b"\xff\2" + bytes(13) + b"\1"),
        attribute(123, bytes([0, 0])),  # everything
        attribute(123, bytes([0, 39]) + bytes(16)),
        attribute(123, bytes([0, 129]) + bytes(16)),
        attribute(97, bytes([0, 64]) + b"\x20\x01"),  # fewer octets than its length says
        attribute(97, bytes([0, 64]) + bytes(17)),
        attribute(97, prefix6("ff00::/64")),
    ],
)
def test_an_address_or_prefix_that_no_line_can_have_is_refused(part: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(accounting(part))


def test_bits_behind_the_length_of_a_prefix_are_ignored() -> None:
    assert read(accounting(attribute(123, bytes([0, 48]) + b"\x20\x01\x0d\xb8\0\7\xff\xff"))).slots[2] == (
        b"\x30\x20\x01\x0d\xb8\0\7" + bytes(10)
    )


def test_another_code_than_an_accounting_request_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read(accounting(attribute(40, number(START)), code=1))
