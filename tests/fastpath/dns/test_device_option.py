import base64
import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.dns.device_option import id_address, is_device, option_address

RAW, TEXT, CPE = 65001, 65073, 65074
MACS = st.binary(min_size=6, max_size=6)
IDS = st.text([chr(c) for c in range(33, 127)], min_size=1, max_size=11)


@given(MACS)
def test_a_mac_has_one_address_however_it_is_written(mac: bytes) -> None:
    text = mac.hex(":")
    written = [(RAW, mac), (TEXT, text.encode()), (TEXT, text.upper().encode()), (TEXT, base64.b64encode(mac))]

    assert {option_address(code, data) for code, data in written} == {id_address(f"mac:{text}")}


@given(IDS)
def test_the_id_of_a_cpe_has_the_address_that_its_text_has(text: str) -> None:
    assert option_address(CPE, text.encode()) == id_address(f"cpe:{text}")


@given(st.one_of(MACS.map(lambda mac: f"mac:{mac.hex(':')}"), IDS.map("cpe:{}".format)), MACS)
def test_another_device_has_another_address(one: str, other: bytes) -> None:
    assert (id_address(one) == id_address(f"mac:{other.hex(':')}")) == (one == f"mac:{other.hex(':')}")


def test_no_packet_comes_from_the_address_of_a_device_and_its_kind_can_be_read() -> None:
    mac, cpe = (ipaddress.IPv6Address(id_address(text)) for text in ("mac:02:00:00:00:00:01", "cpe:SERIAL-0001"))

    assert mac.is_multicast and cpe.is_multicast
    assert (mac.packed[2:5], cpe.packed[2:5]) == (b"mac", b"cpe")


def test_only_whole_addresses_of_devices_are_devices() -> None:
    mac = ipaddress.IPv6Address(id_address("mac:02:00:00:00:00:01")).packed

    assert is_device(mac, 128) and is_device(ipaddress.IPv6Address(id_address("cpe:A")).packed, 128)
    assert not is_device(mac, 127)
    assert not is_device(ipaddress.IPv6Address("ff02::1").packed, 128)
    assert not is_device(ipaddress.IPv4Address("224.0.0.1").packed, 32)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (RAW, b""),
        (RAW, bytes(5)),
        (RAW, bytes(7)),
        (TEXT, b"02:00:00:00:00:0"),
        (TEXT, b"02:00:00:00:00:01:"),
        (TEXT, b"02-00-00-00-00-01"),
        (TEXT, b"02:00:00:00:00:0g"),
        (TEXT, b"AgAAAAA="),
        (TEXT, b"AgAAAAA-"),
        (CPE, b""),
        (CPE, b"a" * 12),
        (CPE, b"a\0"),
    ],
)
def test_an_option_that_names_no_device_has_no_address(code: int, data: bytes) -> None:
    assert option_address(code, data) is None


@pytest.mark.parametrize(
    "text", ["", "mac:", "mac:02-00-00-00-00-01", "cpe:", "cpe:twelve_chars", "cpe:a b", "192.0.2.1"]
)
def test_what_is_no_device_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not used"):
        id_address(text)


def test_random_octets_are_a_multicast_address_or_none() -> None:
    rng = random.Random(3)
    for _ in range(5000):
        data = rng.randbytes(rng.choice((6, 8, 17, rng.randrange(70))))
        assert (option_address(rng.choice((RAW, TEXT, CPE)), data) or "ff").startswith("ff")
