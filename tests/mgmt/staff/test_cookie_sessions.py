from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, create_engine, select

from mgmt.staff import cookie_sessions

SESSIONS = Table(
    "some", MetaData(), Column("sha256", LargeBinary, primary_key=True), Column("ends_s", BigInteger, nullable=False)
)


def test_a_session_begins_with_a_new_secret_and_ends_the_one_before_and_those_that_are_over() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as conn:
        SESSIONS.create(conn)
        over = SESSIONS.c.ends_s <= 5
        old, other, before = (cookie_sessions.begin(conn, SESSIONS, "", over, ends_s=end) for end in (5, 9, 9))
        # The next one ended `old`, which was over.
        new = cookie_sessions.begin(conn, SESSIONS, before, over, ends_s=9)

        found = {
            name
            for name, secret in {"old": old, "other": other, "before": before, "new": new}.items()
            if conn.execute(select(SESSIONS).where(cookie_sessions.of_secret(SESSIONS, secret))).first() is not None
        }
        assert found == {"other", "new"} and len({old, other, before, new}) == 4 and len(new) == 43

        cookie_sessions.end(conn, SESSIONS, new)
        rows = conn.execute(select(SESSIONS)).all()
    engine.dispose()
    assert len(rows) == 1 and other.encode() not in rows[0].sha256
