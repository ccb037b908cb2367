import os
from pathlib import Path

import pytest

from filterd.process.database.health import health_of
from parental.store.database import open_database
from parental.store.engines import Where
from parental.store.errors import DatabaseAway
from parental.store.revisions import known_revisions


def test_a_new_database_is_good(database: Where) -> None:
    open_database(database).dispose()

    found = health_of(database)

    assert found.is_good
    assert (found.revision, found.state) == (known_revisions()[-1], "current")
    assert (found.free_octets is None) == isinstance(database, str)


def test_a_database_that_cannot_be_reached_is_no_half_of_an_answer(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway):
        health_of(f"postgresql:///filterd?host={tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write whatever its mode is")
def test_a_database_that_may_not_be_written_says_why(tmp_path: Path) -> None:
    path = tmp_path / "filterd.db"
    open_database(path).dispose()
    path.chmod(0o400)

    assert "readonly" in str(health_of(path).why_not_writable)
