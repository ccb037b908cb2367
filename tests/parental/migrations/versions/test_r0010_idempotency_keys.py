"""The answers to requests with a key come with the tenth revision."""

from sqlalchemy import inspect

from parental.migrations.versions import r0010_idempotency_keys as tenth
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_tenth_revision_adds_the_table_of_keys_alone(empty_database: Where) -> None:
    upgrade(empty_database, tenth.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, tenth.revision)

    assert set(inspect(engine).get_table_names()) - before == {"idempotency_keys"}
    engine.dispose()
