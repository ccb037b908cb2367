"""What the revision of provinces says of records of before."""

from sqlalchemy import select, text

from parental.schema.records import blocks
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

BLOCK = (
    'INSERT INTO blocks (time_s, channel, action, list, rule, "order", category, reason, generation, pseudonym, count) '
    "VALUES (7, 'dns', 'splash', 'pta', 'bad.test', 0, '', 'order', 1, '', 2)"
)


def test_of_records_of_before_no_province_is_known(empty_database: Where) -> None:
    upgrade(empty_database, "0029")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        conn.execute(text(BLOCK))
    upgrade(empty_database, "0030")

    with engine.begin() as conn:
        assert conn.execute(select(blocks.c.count, blocks.c.province)).all() == [(2, "unknown")]
    engine.dispose()
