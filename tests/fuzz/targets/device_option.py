"""A device id has one address, which no packet comes from, or none; one MAC has one address however it is written.

The first octet chooses the option."""

import ipaddress

from fastpath.dns.device_option import id_address, option_address

RAW, TEXT, CPE = CODES = (65001, 65073, 65074)


def check(data: bytes) -> None:
    code, said = CODES[(data[:1] or b"\0")[0] % 3], data[1:]
    address = option_address(code, said)
    if address is None:
        return
    assert ipaddress.IPv6Address(address).is_multicast
    if code == CPE:
        assert 1 <= len(said) <= 11 and said in ipaddress.IPv6Address(address).packed
    elif len(said) == 17:
        assert id_address("mac:" + said.decode()) == address
    else:
        assert len(said) in (6, 8)
