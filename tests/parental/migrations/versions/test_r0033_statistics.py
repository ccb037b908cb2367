"""The revision of statistics."""

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from parental.schema.statistics import statistics_releases
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_quarter_of_a_gateway_is_there_once(empty_database: Where) -> None:
    upgrade(empty_database, "0033")
    engine = engine_of(empty_database)
    row = {"quarter": "2026-Q3", "node": "", "at_ms": 7, "text": "{}", "note": "n"}
    with engine.begin() as conn:
        conn.execute(insert(statistics_releases).values(row))
        conn.execute(insert(statistics_releases).values(row | {"node": "gw1"}))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(statistics_releases).values(row))
        assert len(conn.execute(select(statistics_releases.c.node)).all()) == 2
    engine.dispose()
