"""Answers of before are of the entries of which their verification was, and another one may follow by it."""

from sqlalchemy import text

from parental.migrations.versions import r0044_superseded_answers
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 1, '', '')"
)
VERIFIED = (
    'INSERT INTO verifications (id, "order", at_ms, took_ms, revision, state, sha256, report) '
    "VALUES (7, 1, 1, 1, 41, 'verified', '', '{}')"
)
ANSWERED = "INSERT INTO confirmations (\"order\", verification, at_ms, text, note) VALUES (1, 7, 1, 't', 'n')"


def test_an_answer_keeps_its_revision_and_is_followed_by_another_of_the_same_look(empty_database: Where) -> None:
    upgrade(empty_database, r0044_superseded_answers.down_revision)
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ORDER, VERIFIED, ANSWERED):
            conn.execute(text(statement))

    upgrade(empty_database)

    with engine.begin() as conn:
        conn.execute(text(ANSWERED))
        conn.execute(text(ANSWERED.replace("7,", "NULL,")))
        found = conn.execute(text("SELECT id, verification, revision FROM confirmations ORDER BY id"))
        assert [tuple(row) for row in found] == [(1, 7, 41), (2, 7, 0), (3, None, 0)]
    engine.dispose()
