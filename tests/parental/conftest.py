"""A database, and one of a writing transaction with two lines."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from parental.policy import subscribers as store
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, opened, writing
from parental.store.engines import Where


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    """A database of its own."""
    with opened(database) as engine:
        yield engine


@pytest.fixture
def household(database: Where) -> Iterator[Connection]:
    """Line 7 with an address, a network and a device that its router names; line 8 with an address."""
    engine = open_database(database)
    with writing(engine) as conn:
        held = ("192.0.2.7", "2001:db8:7::/48", "mac:02:00:00:00:00:07")
        store.put_subscriber(conn, Subscriber(7, "Home", tuple(map(parse_prefix, held))))
        store.put_subscriber(conn, Subscriber(8, "Other", (parse_prefix("192.0.2.8"),)))
        yield conn
    engine.dispose()
