"""A database that code from before there were revisions has made, with rows in every table, upgraded."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mgmt.orders.live import live_entries
from parental.errors import WrongRevision
from parental.policy.subscribers import get_subscriber
from parental.schema import metadata
from parental.store.database import open_database, opened, reading
from parental.store.revisions import DatabaseRevision, State, known_revisions, upgrade

WRITTEN = Path(__file__).parents[1] / "data/before_revisions.sql"
N_ROWS = {
    "accounts": 2,
    "lines": 2,
    "profiles": 2,
    "devices": 1,
    "orders": 3,
    "entries": 6,
    "tokens": 4,
    "blocks": 3,
    "day_keys": 2,
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "filterd.db"
    conn = sqlite3.connect(path)
    conn.executescript(WRITTEN.read_text())
    conn.close()
    return path


def test_it_is_refused_until_it_is_upgraded(old: Path) -> None:
    with pytest.raises(WrongRevision, match=r"older release \(revision 0001\); not used; run: filterd db upgrade"):
        open_database(old)


def test_it_keeps_every_row_and_all_that_they_say(old: Path) -> None:
    before, after = upgrade(old)

    assert before == DatabaseRevision("0001", State.OLDER)
    assert after == DatabaseRevision(known_revisions()[-1], State.CURRENT)
    with opened(old) as engine, reading(engine) as conn:
        for name, n_rows in N_ROWS.items():
            assert conn.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one() == n_rows
        line = get_subscriber(conn, 7)
        assert (line.label, line.profile.blocked_categories) == ("Home 7 گھر", frozenset({"adult", "gambling"}))
        assert sorted(entry.wire for entry in live_entries(conn)) == sorted(
            (b"\x03bad\x04test\x00", b"\x05worse\x04test\x00", b"http://host.test/a/b")
        )
