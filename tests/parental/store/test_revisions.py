import ast
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from parental.store import revisions
from parental.store.database import open_database, opened, reading, writing
from parental.store.engines import Where, engine_of
from parental.store.errors import DatabaseDamage, WrongRevision
from parental.store.revisions import FOLDER, DatabaseRevision, State, find_revision, known_revisions, upgrade
from parental.store.schema import metadata

HEAD = known_revisions()[-1]
FIRST = 45  # the revision of release 0.1.0
NEXT = f"{int(HEAD) + 1:04}"
PATIENCE_S = 60.0


@pytest.fixture
def engine(empty_database: Where) -> Iterator[Engine]:
    """As an upgrade has left it."""
    upgrade(empty_database)
    engine = engine_of(empty_database)
    yield engine
    engine.dispose()


def noted(where: Where) -> str:
    engine = engine_of(where)
    with reading(engine) as conn:
        found = find_revision(conn)
    engine.dispose()
    return found.revision


def test_the_tables_are_those_of_the_newest_revision(engine: Engine) -> None:
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, metadata) == []


def checks_of(conn: Connection) -> dict[str, dict[str | None, str]]:
    """Table → its named conditions, as the database has them."""
    found = inspect(conn)
    return {
        table: {each["name"]: "".join(each["sqltext"].split()) for each in found.get_check_constraints(table)}
        for table in metadata.tables
    }


def test_the_conditions_of_an_upgraded_database_are_those_of_its_tables_made_anew(engine: Engine) -> None:
    with reading(engine) as conn:
        upgraded = checks_of(conn)
    with writing(engine) as conn:
        metadata.drop_all(conn)
        metadata.create_all(conn)
        anew = checks_of(conn)

    assert sum(map(len, anew.values())) > 20
    assert upgraded == anew


def test_revisions_are_numbered_without_a_gap_each_on_the_one_before() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    of_alembic = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert known_revisions() == of_alembic[::-1] == [f"{n:04}" for n in range(FIRST, FIRST + len(of_alembic))]


def test_no_revision_follows_what_the_tables_become() -> None:
    for path in sorted((FOLDER / "versions").glob("r*.py")):
        nodes = ast.walk(ast.parse(path.read_text()))
        rooms = {(node.module or "").partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}

        assert rooms & {"parental", "mgmt", "filterd"} == set(), path


def test_a_second_upgrade_changes_nothing(engine: Engine, empty_database: Where) -> None:
    before, after = upgrade(empty_database)

    assert before == after == (HEAD, State.CURRENT)


def test_tables_that_are_not_ours_are_left_alone(empty_database: Where) -> None:
    engine = engine_of(empty_database)
    with writing(engine) as conn:
        conn.execute(text("CREATE TABLE plants (name VARCHAR)"))

    before, after = upgrade(empty_database)

    assert before == after == ("", State.UNKNOWN)
    with reading(engine) as conn:
        assert inspect(conn).get_table_names() == ["plants"]
    engine.dispose()


def hold_back(where: Where, began: Any, may_go_on: Any) -> None:
    """An upgrade that waits in the middle: its tables are made, and it is not committed."""
    run = revisions._run_revisions

    def slowly(conn: Connection) -> None:
        run(conn)
        began.set()
        may_go_on.wait(PATIENCE_S)

    revisions._run_revisions = slowly
    upgrade(where)


def upgrade_and_tell(where: Where, told: Any) -> None:
    told.put([found.state for found in upgrade(where)])


@pytest.fixture
def held(empty_database: Where) -> Iterator[tuple[Any, Any]]:
    """(a process in the middle of an upgrade, what lets it go on)"""
    spawn = multiprocessing.get_context("spawn")
    began, may_go_on = spawn.Event(), spawn.Event()
    process = spawn.Process(target=hold_back, args=(empty_database, began, may_go_on))
    process.start()
    assert began.wait(PATIENCE_S)
    yield process, may_go_on
    process.kill()
    process.join()


@pytest.mark.services
def test_of_two_upgrades_at_once_one_does_it_and_the_other_finds_it_done(held: Any, empty_database: Where) -> None:
    first, may_go_on = held
    spawn = multiprocessing.get_context("spawn")
    told = spawn.Queue()
    second = spawn.Process(target=upgrade_and_tell, args=(empty_database, told))
    second.start()
    second.join(1.0)
    assert second.is_alive()  # it waits

    may_go_on.set()

    assert told.get(timeout=PATIENCE_S) == [State.CURRENT, State.CURRENT]
    second.join(PATIENCE_S)
    first.join(PATIENCE_S)
    assert (first.exitcode, second.exitcode) == (0, 0)


@pytest.mark.services
def test_a_killed_upgrade_leaves_the_database_as_it_was(held: Any, empty_database: Where) -> None:
    process, _ = held
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE_S)

    assert noted(empty_database) == ""
    upgrade(empty_database)
    assert noted(empty_database) == HEAD


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """next_release(what the upgrade of its revision does): from now on this is the release after this one."""

    def come(does: str) -> None:
        folder = tmp_path / "migrations"
        shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / f"versions/r{NEXT}_next.py").write_text(
            f"from alembic import op\nrevision, down_revision = {NEXT!r}, {HEAD!r}\n\n\ndef upgrade():\n    {does}\n"
        )
        monkeypatch.setattr(revisions, "FOLDER", folder)

    return come


@pytest.mark.usefixtures("engine")
def test_a_database_of_the_release_before_is_refused_until_it_is_upgraded(
    empty_database: Where, next_release: Callable[[str], None]
) -> None:
    next_release("op.execute('CREATE TABLE plants (name VARCHAR)')")
    with pytest.raises(WrongRevision, match=rf"older release \(revision {HEAD}\); not used; run: filterd db upgrade"):
        open_database(empty_database)

    before, after = upgrade(empty_database)

    assert (before, after) == ((HEAD, State.OLDER), (NEXT, State.CURRENT))
    with opened(empty_database) as engine, reading(engine) as conn:
        assert "plants" in inspect(conn).get_table_names()


def test_what_a_revision_would_leave_without_its_line_stops_the_upgrade(
    tmp_path: Path, next_release: Callable[[str], None]
) -> None:
    path = tmp_path / "filterd.db"
    upgrade(path)
    next_release("op.execute(\"INSERT INTO devices (line, name, address) VALUES (7, 'phone', '2001:db8::7')\")")

    with pytest.raises(DatabaseDamage, match="a row of devices refers to none of lines; not upgraded"):
        upgrade(path)
    assert noted(path) == HEAD


# -- builds before release 0.1.0 ---------------------------------------------------------------------------------------


def remove_number(conn: Connection) -> None:
    conn.execute(text("DROP TABLE alembic_version"))
    conn.execute(text("CREATE TABLE subscribers (id INTEGER)"))


def note_older(conn: Connection) -> None:
    conn.execute(text("UPDATE alembic_version SET version_num = '0044'"))


@pytest.mark.parametrize(("make", "revision"), [(note_older, "0044"), (remove_number, "")])
def test_a_database_of_an_early_build_is_refused_and_left_as_it_is(
    engine: Engine, empty_database: Where, make: Callable[[Connection], None], revision: str
) -> None:
    with writing(engine) as conn:
        make(conn)
        tables = set(inspect(conn).get_table_names())

    assert upgrade(empty_database) == (DatabaseRevision(revision, State.TOO_OLD),) * 2
    said = rf"early build \(revision {revision or 'none'}\), .* from revision 0045 on; not used; first run"
    with pytest.raises(WrongRevision, match=said):
        open_database(empty_database)
    with reading(engine) as conn:
        assert set(inspect(conn).get_table_names()) == tables
