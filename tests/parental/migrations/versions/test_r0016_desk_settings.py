"""What the desk says of the pages comes with the sixteenth revision."""

from sqlalchemy import inspect

from parental.migrations.versions import r0016_desk_settings as settings
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade


def test_the_revision_adds_the_table_of_settings_alone(empty_database: Where) -> None:
    upgrade(empty_database, settings.down_revision)
    engine = engine_of(empty_database)
    before = set(inspect(engine).get_table_names())

    upgrade(empty_database, settings.revision)

    assert set(inspect(engine).get_table_names()) - before == {"desk_settings"}
    engine.dispose()
