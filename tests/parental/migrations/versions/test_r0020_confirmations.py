"""The twenty-second revision adds tables for what the traffic said, and for what issuers are answered."""

from sqlalchemy import inspect

from parental.migrations.versions import r0020_confirmations as this
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_revision_adds_verifications_and_confirmations(empty_database: Where) -> None:
    upgrade(empty_database, this.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, this.revision)

    assert set(inspect(engine).get_table_names()) - before == {"verifications", "confirmations"}
    engine.dispose()
