"""The revision of what the public is told."""

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from parental.schema.statistics import transparency_releases
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_quarter_is_there_once(empty_database: Where) -> None:
    upgrade(empty_database, "0037")
    engine = engine_of(empty_database)
    row = {"quarter": "2026-Q3", "at_ms": 7, "text": "{}", "note": "n"}
    with engine.begin() as conn:
        conn.execute(insert(transparency_releases).values(row))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(transparency_releases).values(row))
        assert len(conn.execute(select(transparency_releases.c.note)).all()) == 1
    engine.dispose()
