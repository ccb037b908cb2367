from ipaddress import ip_network

import pytest
from sqlalchemy import Connection, select, update

from parental.policy import addresses
from parental.policy.subscriber import parse_prefix
from parental.store.errors import BadSubscriber
from parental.store.schema.lines import addresses as rows

MAC = parse_prefix("mac:02:00:00:00:00:07")
HELD = (parse_prefix("192.0.2.7"), parse_prefix("2001:db8:7::/48"), MAC)


def test_what_a_line_keeps_keeps_its_devices_profile(household: Connection) -> None:
    household.execute(update(rows).where(addresses.is_of(MAC)).values(profile=8))

    assert addresses.hold_only(household, 7, (parse_prefix("192.0.2.9"), MAC), 50) == set()

    found = household.execute(select(rows).where(rows.c.line == 7).order_by(rows.c.version)).all()
    kept = [(addresses.network_of(row.first, row.prefix_length), row.profile) for row in found]
    assert kept == [(ip_network("192.0.2.9"), None), (MAC, 8)]
    assert set(addresses.released_since(household, 49)) == set(HELD[:2])


def test_a_device_that_loses_its_prefix_is_told(household: Connection) -> None:
    household.execute(update(rows).where(addresses.is_of(MAC)).values(profile=8))

    assert addresses.hold_only(household, 7, HELD[:2], 50) == {8}
    assert addresses.released_since(household, 49) == [MAC]


def test_addresses_of_another_line_are_refused(household: Connection) -> None:
    with pytest.raises(BadSubscriber, match=r"shares addresses with 192\.0\.2\.7/32 of subscriber 7; not accepted"):
        addresses.hold_only(household, 8, (parse_prefix("192.0.2.0/29"),), 50)


def test_what_a_base_holds_is_forgotten(household: Connection) -> None:
    addresses.release(household, HELD, 50)

    addresses.forget_released(household, 50)

    assert addresses.released_since(household, 0) == []
