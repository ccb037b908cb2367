import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from support.database.sqlite import make_database

from fastpath.images.image import Image, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.subscribers import device_address
from fastpath.images.tables import TableSet
from parental.people import children, devices
from parental.policy import compile, profiles
from parental.policy import subscribers as store
from parental.policy.changed_profiles import ChangedProfiles
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store import revision
from parental.store.database import open_database, writing
from parental.store.errors import BadPerson, BadSubscriber, DatabaseFault, NoPerson, NoSubscriber

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
PREFIXES = ("192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25", "192.0.2.5", "2001:db8::/48", "2001:db8:0:1::/64")
ADDRESSES = ("192.0.2.1", "192.0.2.5", "192.0.2.200", "2001:db8:0:1::7", "2001:db8:0:2::7")
NUMBERS = st.integers(1, 3)

# What happens to lines: (verb, line, what);  "level": everything so far is in a level, and the next one begins
STEPS = st.one_of(
    st.tuples(st.just("put"), NUMBERS, st.sets(st.sampled_from(PREFIXES), max_size=3)),
    st.tuples(st.just("delete"), NUMBERS, st.none()),
    st.tuples(st.just("pause"), NUMBERS, st.none()),
    st.tuples(st.just("device"), NUMBERS, st.none()),
    st.tuples(st.just("child"), NUMBERS, st.sets(st.sampled_from(PREFIXES), min_size=1, max_size=1)),
    st.tuples(st.just("back"), NUMBERS, st.sets(st.sampled_from(PREFIXES), min_size=1, max_size=1)),
    st.tuples(st.just("add"), NUMBERS, st.none()),
    st.tuples(st.just("level"), NUMBERS, st.none()),
)


class Levels:
    """A base, a delta and a young level over one database; begin() makes the next one, up to the young."""

    def __init__(self, conn: Connection, folder: Path) -> None:
        self.conn, self.folder, self.tokens = conn, folder, [device_address("a" * 26)]
        self.images: list[tuple[Image, Image]] = [self._bases(1)]
        self.changed = ChangedProfiles(revision.current_revision(conn))

    def begin(self) -> None:
        if len(self.images) < 2:
            self.images.append(self._changes(2))
            self.changed = ChangedProfiles(self.changed.revision)

    def tables(self) -> TableSet:
        (base, policy), *delta = self.images
        young, young_policy = self._changes(3)
        (low, low_policy) = delta[0] if delta else (None, None)
        return TableSet(None, None, base, low, policy, low_policy, subscribers_young=young, policy_young=young_policy)

    def whole(self) -> TableSet:
        """What a base of now says."""
        base, policy = self._bases(4)
        return TableSet(None, None, base, None, policy, None)

    def _bases(self, number: int) -> tuple[Image, Image]:
        return (
            self._write("subscribers", number, lambda out: compile.write_subscribers_base(self.conn, out, number)),
            self._write("policy", number, lambda out: compile.write_policy_base(self.conn, out, number, NOON)),
        )

    def _changes(self, number: int) -> tuple[Image, Image]:
        self.changed.add(self.conn, NOON)
        below = self.images[-1][0].generation
        return (
            self._write("subscribers", number, lambda out: self.changed.write_subscribers(out, number, below)),
            self._write("policy", number, lambda out: self.changed.write_policy(out, number, below)),
        )

    def _write(self, kind: str, number: int, write: Callable[[BinaryIO], int]) -> Image:
        out = io.BytesIO()
        assert write(out) == len(out.getvalue())
        path = self.folder / f"{kind}-{number}"
        path.write_bytes(out.getvalue())
        return open_image(path, ImageKind[kind.upper()])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    make_database(tmp_path / "filterd.db")
    engine = open_database(tmp_path / "filterd.db")
    yield engine
    engine.dispose()


def do(levels: Levels, verb: str, number: int, what: set[str] | None) -> None:
    """One step; one that the database refuses is none."""
    conn = levels.conn
    try:
        with conn.begin_nested():
            if verb == "put":
                prefixes = tuple(map(parse_prefix, sorted(what or ())))
                store.put_subscriber(conn, Subscriber(number, "home", prefixes, Profile()))
            elif verb == "delete":
                store.delete_subscriber(conn, number)
            elif verb == "pause":
                store.pause(conn, number, None)
            elif verb == "device":
                levels.tokens.append(device_address(devices.put_device(conn, number, "phone")))
            elif verb == "child":
                child = children.add_child(conn, number, {"nickname": "Ali"}, Profile(paused_until_s=NOON_S + 60))
                children.assign_prefix(conn, number, number, parse_prefix(min(what or ())), child)
            elif verb == "back":
                children.assign_prefix(conn, number, number, parse_prefix(min(what or ())), None)
            elif verb == "add":
                levels.changed.add(conn, NOON)
    except (BadPerson, BadSubscriber, NoPerson, NoSubscriber):
        pass
    if verb == "level":
        levels.begin()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_three_levels_say_what_a_base_of_now_would_say(
    engine: Engine, tmp_path: Path, steps: list[tuple[str, int, set[str] | None]]
) -> None:
    with engine.connect() as conn:  # its end takes everything back
        levels = Levels(conn, tmp_path)
        for step in steps:
            do(levels, *step)
        found, wanted = levels.tables(), levels.whole()

    for address in (*ADDRESSES, *levels.tokens):
        assert found.subscriber_of(address) == wanted.subscriber_of(address), address
        assert found.decide(None, address, NOON_S) == wanted.decide(None, address, NOON_S), address


def test_one_change_is_the_only_profile_that_is_read_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    loaded = profiles.load_profiles

    def load(conn: Connection, numbers: Sequence[int]) -> dict[int, Profile]:
        read.extend(numbers)
        return loaded(conn, numbers)

    monkeypatch.setattr(profiles, "load_profiles", load)
    changed = ChangedProfiles(0)
    with writing(engine) as conn:
        for number in range(1, 21):
            store.put_subscriber(conn, Subscriber(number, "home", (parse_prefix(f"192.0.2.{number}"),)))
        changed.add(conn, NOON)
        read.clear()
        store.pause(conn, 7, None)
        changed.add(conn, NOON)

    assert (read, len(changed)) == ([7], 20)


def test_what_could_not_be_read_is_read_the_next_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = ChangedProfiles(0)
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(7, "home", (parse_prefix("192.0.2.7"),)))
        with monkeypatch.context() as patched:
            patched.setattr(profiles, "load_profiles", fail)
            with pytest.raises(DatabaseFault):
                changed.add(conn, NOON)
        changed.add(conn, NOON)

    assert len(changed) == 1


def test_who_changed_and_has_a_name_that_is_left_out_is_known(engine: Engine) -> None:
    changed = ChangedProfiles(0)
    with writing(engine) as conn:
        for number, name in ((7, ".".join(["a"] * 17)), (8, "page.example")):
            store.put_subscriber(conn, Subscriber(number, "home", (), Profile(denied=frozenset({name}))))
        changed.add(conn, NOON)

    assert changed.shortened == {7}


def fail(conn: Connection, numbers: Sequence[int]) -> dict[int, Profile]:
    raise DatabaseFault("away")
