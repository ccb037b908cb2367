from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from mgmt.orders.store import number_letter
from parental.store.column_types import is_octets
from parental.store.database import reading, writing
from parental.store.schema.orders import entries


def put(engine: Engine, **wire: Any) -> None:
    with writing(engine) as conn:
        order = number_letter(conn, "PTA", "1", datetime.now(UTC))
        row = {"order": order, "number": 1, "value": "x", "status": "pending", "revision": 1}
        conn.execute(insert(entries).values(**row, **wire))


def octets(engine: Engine) -> list[bool]:
    with reading(engine) as conn:
        return list(conn.execute(select(is_octets(entries.c.wire))).scalars())


def test_octets_are_told_from_nothing(engine: Engine) -> None:
    put(engine, wire=b"\x03bad\x04test\x00")
    assert octets(engine) == [True]


def test_nothing_is_no_octets(engine: Engine) -> None:
    put(engine, wire=None)
    assert octets(engine) == [False]


def test_text_that_sqlite_has_kept_in_a_column_of_octets_is_no_octets(engine: Engine) -> None:
    put(engine, wire=b"x")
    if engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL keeps nothing of another type")
    with writing(engine) as conn:
        conn.execute(text("UPDATE entries SET wire = 'text'"))

    assert octets(engine) == [False]
