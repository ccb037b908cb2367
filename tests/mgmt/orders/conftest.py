"""Two persons of the desk with passkeys that are vouched for."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.signing import Signer, signer

from parental.database import writing


@pytest.fixture
def conn(engine: Engine) -> Iterator[Any]:
    with writing(engine) as conn:
        yield conn


@pytest.fixture
def amna(conn: Connection) -> Signer:
    return signer(conn, "amna", "compliance")


@pytest.fixture
def bilal(conn: Connection) -> Signer:
    return signer(conn, "bilal", "approver")
