"""Fixtures of every tier, and the rule that keeps `make unit` pure: a test that starts a process carries a marker."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
from support.database.compiled import share_compiled
from support.database.postgresql import PostgresqlServer, programs, running_server
from support.database.sqlite import make_database
from support.images.opened import Images
from support.system.memory import folder_of_run, remove_folder
from support.system.side_by_side import side_by_side

from parental.store.engines import Where

DNS_HEADER_OCTETS = 12
STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
STARTS_A_SERVER = frozenset({"daemon", "unbound"})  # fixtures
TIERS_WITH_PROCESSES = frozenset({"services", "kernel", "people", "long"})

# `make test DB=postgres`: every test that opens a database opens PostgreSQL's alone; else it does so once with each.
ONLY_POSTGRESQL = os.environ.get("DB") == "postgres"
NEEDS_SERVER = (
    pytest.mark.services,
    pytest.mark.skipif(programs() is None, reason="Debian's package postgresql is not installed"),
)

_pure_test = ""  # the node ID of the test that is running, where it may start no process


def _refuse_processes(event: str, _arguments: tuple[object, ...]) -> None:
    if _pure_test and event in STARTS_A_PROCESS:
        raise AssertionError(f"{_pure_test}: {event} in a test without a tier; mark it `services`, or start no process")


sys.addaudithook(_refuse_processes)
share_compiled()
# No deadline by the clock: on a machine that does other work, too, any example may take longer than usual.
# `.ci/run` sets CI: there, a change is tried with examples that follow from the tests alone, so that it is the change
# that CI speaks of.  Everywhere else, and in `make fuzz`, examples are new each time; what they find is kept by name.
hypothesis.settings.register_profile("loaded machine", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("loaded machine")
# `make unit` asks with it, for an early answer. `make test` asks with all examples.
hypothesis.settings.register_profile("unit", hypothesis.settings.get_profile("loaded machine"), max_examples=20)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put every tmp_path in memory: most tests of a database would wait for the disk longer than they work."""
    if not hasattr(config, "workerinput") and config.option.basetemp is None:  # workers have folders in ours
        config.option.basetemp = folder_of_run()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave nothing there, unless something has failed: the next run removes that."""
    folder = session.config.option.basetemp
    if exitstatus == 0 and folder is not None and not hasattr(session.config, "workerinput"):
        remove_folder(Path(folder))


def pytest_collection_finish() -> None:
    """Leave all that was imported and collected out of each later search for garbage: it stays until the end."""
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what uses a server that a fixture starts."""
    if STARTS_A_SERVER.intersection(getattr(item, "fixturenames", ())):
        item.add_marker("services")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with each kind of database that is due."""
    if "database_kind" in metafunc.fixturenames:
        kinds = [pytest.param("postgresql", marks=NEEDS_SERVER)]
        is_enough = metafunc.definition.get_closest_marker("one_database") is not None and programs() is not None
        if not (ONLY_POSTGRESQL or is_enough):
            kinds = [pytest.param("sqlite"), *kinds]
        metafunc.parametrize("database_kind", kinds)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Refuse processes during a test of `make unit`, its fixtures included; one of the kernel waits for its turn."""
    global _pure_test
    is_of_the_repository = item.path.parent == Path(__file__).parent / "repo"
    markers = {marker.name for marker in item.iter_markers()}
    _pure_test = "" if is_of_the_repository or markers & TIERS_WITH_PROCESSES else item.nodeid
    try:
        with side_by_side(item):
            return (yield)
    finally:
        _pure_test = ""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long octets by their argument: parallel workers must agree on every name, and messages have random IDs."""
    return argname if isinstance(val, bytes) and len(val) >= DNS_HEADER_OCTETS else None


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What a test enters is left behind it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


@pytest.fixture(scope="session")
def postgresql() -> PostgresqlServer:
    """A server for all tests of this process, with the roles of filterd."""
    return running_server()


@pytest.fixture
def empty_database(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Where]:
    """Where a test finds a database of its own, which has no tables yet; see pytest_generate_tests."""
    if database_kind == "sqlite":
        yield tmp_path / "filterd.db"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
def database(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Where]:
    """The same, with its tables: a file of its own, or the one database of this process, emptied after each test."""
    if database_kind == "sqlite":
        make_database(tmp_path / "filterd.db")
        yield tmp_path / "filterd.db"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    yield server.shared()
    server.empty(server.shared())
