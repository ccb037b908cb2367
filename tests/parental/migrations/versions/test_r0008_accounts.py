"""Accounts come with the eighth revision: subscribers of before are lines, and images say of them what they said."""

import io
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from fastpath.people.policy_writer import ProfileSpec, pack_policy
from fastpath.people.subscribers_writer import pack_subscribers
from parental.policy import compile
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.profile import SAFE_SEARCH, Profile
from parental.policy.schedule import Interval, Schedule
from parental.store.database import open_database, reading
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

WRITTEN = Path(__file__).parents[1] / "data/before_revisions.sql"
OF_LINES = ("revisions", "subscribers", "addresses", "released_addresses", "blocked_categories", "dns_wishes")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SINCE = 5  # a revision in the middle of those of the old rows


@pytest.fixture
def old(empty_database: Where) -> Iterator[Engine]:
    """The lines of the file of before, and more of them, as they were before the eighth revision."""
    upgrade(empty_database, "0006")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for table in (*OF_LINES, "devices", "closed_intervals"):
            for statement in WRITTEN.read_text().splitlines():
                if statement.startswith(f'INSERT INTO "{table}"'):
                    conn.exec_driver_sql(for_this(conn, statement))
        add_lines(conn, 200)
    yield engine
    engine.dispose()


def for_this(conn: Connection, statement: str) -> str:
    """A statement of the file, which is SQLite's."""
    if conn.dialect.name == "sqlite":
        return statement
    return statement.replace("X'", "'\\x").replace("'strict',1", "'strict',true")


def add_lines(conn: Connection, n: int) -> None:
    chance = random.Random(7)
    for number in range(1000, 1000 + n):
        row = {
            "n": number,
            "zone": chance.choice(["Asia/Karachi", "Europe/Berlin"]),
            "at": chance.choice([0, 1795824000]),
        }
        row |= {"rev": chance.randrange(1, 7), "first": bytes([198, 51, 100, number % 250])}
        conn.execute(text("INSERT INTO subscribers VALUES (:n, 'Line', :zone, :at, :rev)"), row)
        conn.execute(text("INSERT INTO addresses VALUES (4, :first, :first, 32, :n)"), row)
        for category in chance.sample(["adult", "gambling", "malware"], chance.randrange(3)):
            conn.execute(text("INSERT INTO blocked_categories VALUES (:n, :name)"), row | {"name": category})
        for day in range(chance.randrange(3)):
            conn.execute(text("INSERT INTO closed_intervals VALUES (:n, :day, 1290, 540)"), row | {"day": day})


def images_of_rows(conn: Connection, since: int) -> tuple[bytes, bytes]:
    """What images hold of the tables of before, read by SQL that was written for them."""
    lines = conn.execute(text(f"SELECT * FROM subscribers WHERE revision > {since} ORDER BY id")).all()
    closed, blocked, wishes = defaultdict(list), defaultdict(set), {}
    for row in conn.execute(text("SELECT * FROM closed_intervals")):
        closed[row.subscriber].append(Interval(row.weekday, row.start_minute, row.minutes))
    for row in conn.execute(text("SELECT * FROM blocked_categories")):
        blocked[row.subscriber].add(row.category)
    for row in conn.execute(text("SELECT * FROM dns_wishes")):
        wishes[row.subscriber] = row.safe_search, bool(row.canaries), row.safe_search  # YouTube's is a part of it
    specs: dict[ProfileSpec, int] = {}
    numbered = []
    for line in lines:
        schedule = Schedule(tuple(sorted(closed[line.id])), line.zone)
        wished = wishes.get(line.id, (SAFE_SEARCH[0], False, SAFE_SEARCH[0]))
        profile = Profile(frozenset(blocked[line.id]), schedule, line.paused_until_s, *wished)
        numbered.append((line.id, specs.setdefault(compile.profile_spec(profile, NOON), len(specs))))
    return packed_holders(conn, {line.id for line in lines}, since), packed_policy(specs, numbered, since)


def packed_holders(conn: Connection, known: set[int], since: int) -> bytes:
    rows = conn.execute(text("SELECT * FROM addresses ORDER BY subscriber, version, first")).all()
    held: list[tuple[str, int | None]] = [
        (str(ip_network((bytes(row.first), row.prefix_length))), row.subscriber) for row in rows
    ]
    held += [(f"{row.address}/128", row.subscriber) for row in conn.execute(text("SELECT * FROM devices"))]
    held = [each for each in held if each[1] in known]
    if since:
        released = conn.execute(text(f"SELECT prefix FROM released_addresses WHERE revision > {since}")).scalars()
        held += [(prefix, None) for prefix in released]
    out = io.BytesIO()
    pack_subscribers(out, 2, 1 if since else 0, held)
    return out.getvalue()


def packed_policy(specs: dict[ProfileSpec, int], numbered: list[tuple[int, int]], since: int) -> bytes:
    out = io.BytesIO()
    pack_policy(out, 2, 1 if since else 0, list(specs), numbered)
    return out.getvalue()


def images_now(conn: Connection, since: int) -> tuple[bytes, bytes]:
    holders, policy = io.BytesIO(), io.BytesIO()
    if since:
        changed = ChangedProfiles(since)
        changed.add(conn, NOON)
        changed.write_subscribers(holders, 2, 1)
        changed.write_policy(policy, 2, 1)
    else:
        compile.write_subscribers_base(conn, holders, 2)
        compile.write_policy_base(conn, policy, 2, NOON)
    return holders.getvalue(), policy.getvalue()


def test_images_before_and_after_are_the_same_octet_by_octet(old: Engine, empty_database: Where) -> None:
    with old.begin() as conn:
        before = [images_of_rows(conn, since) for since in (0, SINCE)]

    upgrade(empty_database)  # as far as the code that reads it is

    engine = engine_of(empty_database)
    with reading(engine) as conn:
        assert [images_now(conn, since) for since in (0, SINCE)] == before
    engine.dispose()


def test_a_subscriber_becomes_account_line_and_profile_of_its_number(old: Engine, empty_database: Where) -> None:
    def all_of(statement: str) -> list[tuple[Any, ...]]:
        with old.begin() as conn:
            return [tuple(row) for row in conn.execute(text(statement))]

    before = all_of("SELECT id, label, zone, paused_until_s, revision FROM subscribers ORDER BY id")

    upgrade(empty_database, "0008")

    joined = "lines JOIN profiles ON profiles.id = lines.profile JOIN accounts ON accounts.id = lines.account"
    after = all_of(f"SELECT lines.id, label, zone, paused_until_s, revision FROM {joined} ORDER BY lines.id")
    assert after == before
    assert all_of("SELECT count(*) FROM lines WHERE id = account AND id = profile") == [(len(before),)]
    assert all_of("SELECT count(*) FROM profiles WHERE id = account") == [(len(before),)]


def test_a_parents_token_of_before_is_still_that_of_its_line_and_goes_with_it(
    old: Engine, empty_database: Where
) -> None:
    with old.begin() as conn:
        made = "INSERT INTO tokens (sha256, role, subscriber, created_s) VALUES (:sha256, 'parent', 7, 1)"
        conn.execute(text(made), {"sha256": b"1" * 32})

    upgrade(empty_database)
    engine = open_database(empty_database)

    with engine.begin() as conn:
        assert conn.execute(text("SELECT subscriber FROM tokens")).scalar_one() == 7
        conn.execute(text("DELETE FROM lines WHERE id = 7"))
        assert conn.execute(text("SELECT count(*) FROM tokens")).scalar_one() == 0
    engine.dispose()
