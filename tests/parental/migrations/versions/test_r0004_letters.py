"""The counts of list files' letters come with the fourth revision."""

from sqlalchemy import inspect

from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_fourth_revision_adds_the_table_of_letters_alone(empty_database: Where) -> None:
    upgrade(empty_database, "0003")
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, "0004")

    assert set(inspect(engine).get_table_names()) - before == {"letters"}
    engine.dispose()
