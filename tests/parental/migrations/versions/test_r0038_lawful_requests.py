"""The revision of the register of lawful requests."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from parental.schema.registers import lawful_requests
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_letter_is_there_once_and_of_a_kind_that_is_known(empty_database: Where) -> None:
    upgrade(empty_database, "0038")
    engine = engine_of(empty_database)
    row = {"authority": "a", "reference": "r", "basis": "b", "kind": "other", "issued": "2026-08-01"}
    row |= {"recorded_by": "staff 3"}
    with engine.begin() as conn:
        conn.execute(insert(lawful_requests).values(row | {"recorded_s": 1}))
        for other in (row, row | {"reference": "s", "kind": "tap"}, row | {"reference": "s", "answer": "nothing"}):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(insert(lawful_requests).values(other | {"recorded_s": 1}))
    engine.dispose()
