"""Two persons of the desk, and the database in which they sign."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.signing import Signer, signer

from parental.store.database import writing


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as conn:
        yield conn


@pytest.fixture
def amna(conn: Connection) -> Signer:
    """A person of the desk with a passkey that is vouched for."""
    return signer(conn, "amna", "compliance")


@pytest.fixture
def bilal(conn: Connection) -> Signer:
    """Another one, of another group."""
    return signer(conn, "bilal", "approver")
