"""The revision of appeals."""

import pytest
from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import IntegrityError

from parental.schema.reports import appeals
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ROW = {"reference": "ABCD2345", "sealed": b"x", "state": "waiting", "received_s": 1, "due_s": 1, "tries": 0}


def test_a_database_of_before_gets_the_table_and_a_number_is_there_once(empty_database: Where) -> None:
    upgrade(empty_database, "0040")
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())
    engine.dispose()
    upgrade(empty_database, "0041")
    engine = engine_of(empty_database)

    assert set(inspect(engine).get_table_names()) - before == {"appeals"}
    with engine.begin() as conn:
        conn.execute(insert(appeals).values(ROW))
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(insert(appeals).values(ROW))
        assert conn.execute(select(appeals.c.sealed)).scalar_one() == b"x"
    engine.dispose()
