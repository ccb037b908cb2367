"""The revision of the register of addresses that ask DNS."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from parental.schema.registers import dns_source_exports, dns_source_statements, dns_sources
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_a_gateway_is_there_once_and_what_is_taken_exists(empty_database: Where) -> None:
    upgrade(empty_database, "0039")
    engine = engine_of(empty_database)
    row = {"node": "gw1", "text": "{}", "told_s": 1}
    with engine.begin() as conn:
        conn.execute(insert(dns_sources).values(row))
        conn.execute(insert(dns_source_statements).values(id=1, made_s=1, text="{}", note="n"))
        conn.execute(insert(dns_source_exports).values(statement=1, taken_s=1))
        for statement in (insert(dns_sources).values(row), insert(dns_source_exports).values(statement=1, taken_s=2)):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(statement)
    engine.dispose()
