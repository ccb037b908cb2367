"""Reports of wrong blocks come with the second revision."""

from sqlalchemy import inspect

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_second_revision_adds_the_table_of_reports_alone(empty_database: Where) -> None:
    upgrade(empty_database, "0001")
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, "0002")

    assert set(inspect(engine).get_table_names()) - before == {"wrong_blocks"}
    engine.dispose()
