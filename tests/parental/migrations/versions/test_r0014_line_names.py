"""The names of lines come with the fourteenth revision."""

from sqlalchemy import inspect

from parental.migrations.versions import r0014_line_names as names
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_revision_adds_the_table_of_names_alone(empty_database: Where) -> None:
    upgrade(empty_database, names.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, names.revision)

    assert set(inspect(engine).get_table_names()) - before == {"line_names"}
    engine.dispose()
