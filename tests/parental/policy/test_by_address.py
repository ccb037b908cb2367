from ipaddress import ip_address
from pathlib import Path

import pytest
from support.database.sqlite import make_database

from parental.policy.by_address import find_subscriber
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import put_subscriber
from parental.store.database import open_database, reading, writing


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("192.0.2.7", 7),
        ("192.0.2.8", None),
        ("192.0.2.64", 8),
        ("192.0.2.127", 8),
        ("192.0.2.128", None),
        ("192.0.1.255", None),
        ("2001:db8:7:ffff::1", 7),
        ("2001:db8:8::1", None),
        ("::1", None),
    ],
)
def test_an_address_belongs_to_the_line_that_holds_its_prefix(tmp_path: Path, address: str, number: int | None) -> None:
    make_database(tmp_path / "filterd.db")
    engine = open_database(tmp_path / "filterd.db")
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "A", (parse_prefix("192.0.2.7"), parse_prefix("2001:db8:7::/48"))))
        put_subscriber(conn, Subscriber(8, "B", (parse_prefix("192.0.2.64/26"),)))

    with reading(engine) as conn:
        found = find_subscriber(conn, ip_address(address))

    engine.dispose()
    assert (found and found.id) == number
