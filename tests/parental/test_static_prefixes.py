"""Static prefixes as operators give them to homes, from /48 to /64: from the row to images and locks."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

import pytest
from sqlalchemy import Connection

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from parental.people.intake import LineSpec, Outcome, provision
from parental.policy import compile
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.held import iter_held
from parental.policy.locks import LockTable
from parental.policy.profile import Profile
from parental.policy.profiles import iter_profiles, pause
from parental.policy.subscriber import Subscriber
from parental.store import revision
from parental.store.database import open_database, writing
from parental.store.engines import Where

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
LENGTHS = range(48, 65)
HOMES = {number: IPv6Network(((0x20010DB8 << 96) + (number << 80), number)) for number in LENGTHS}  # one in each /48


@pytest.fixture
def conn(database: Where) -> Iterator[Connection]:
    engine = open_database(database)
    with writing(engine) as conn:
        yield conn
    engine.dispose()


def given(conn: Connection) -> Outcome:
    """A line for each length, numbered by it."""
    rows = [LineSpec(Subscriber(number, "home", (home,), Profile())) for number, home in HOMES.items()]
    return provision(conn, list(enumerate(rows)), NOON)


def expected() -> dict[IPv6Address, int | None]:
    """Who holds the first and the last address of each home, and those in front of and behind it."""
    found: dict[IPv6Address, int | None] = {}
    for number, home in HOMES.items():
        found |= {home[0]: number, home[-1]: number}
    for home in HOMES.values():
        for outside in (home[0] - 1, home[-1] + 1):
            found.setdefault(outside, None)
    return found


@pytest.mark.parametrize("level", ["base", "delta"])
def test_a_static_prefix_of_any_length_is_its_lines_from_the_first_address_to_the_last(
    conn: Connection, tmp_path: Path, level: str
) -> None:
    changed, out = ChangedProfiles(revision.current_revision(conn)), io.BytesIO()
    compile.write_subscribers_base(conn, out, 1)
    (tmp_path / "empty").write_bytes(out.getvalue())
    assert given(conn).new == [*LENGTHS]

    out = io.BytesIO()
    if level == "base":
        compile.write_subscribers_base(conn, out, 2)
    else:
        changed.add(conn, NOON)
        changed.write_subscribers(out, 2, 1)
    (tmp_path / "image").write_bytes(out.getvalue())
    image, empty = (open_image(tmp_path / name, ImageKind.SUBSCRIBERS) for name in ("image", "empty"))

    tables = TableSet(None, None, image) if level == "base" else TableSet(None, None, empty, image)
    assert {each: tables.subscriber_of(str(each)) for each in expected()} == expected()


def test_a_pause_locks_the_whole_prefix_and_no_other(conn: Connection) -> None:
    given(conn)
    for number in (48, 56, 61):
        pause(conn, number, None)
    table = LockTable()
    table.change(iter_profiles(conn), iter_held(conn))

    table.advance(NOON)

    locked = table.held.columns(table.locked)
    assert locked == {(6, number): HOMES[number].network_address.packed for number in (48, 56, 61)}
