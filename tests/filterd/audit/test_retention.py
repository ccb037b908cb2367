from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select

from filterd.audit.retention import DAY_S, Due, forget_due
from filterd.config.schema import Retention
from mgmt.ledger.trusted_clock import Clocks, ClockStep
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import BlockRecord
from mgmt.registers.records.holds.scope import Scope
from parental.people.household import By, history, note
from parental.policy import subscribers as store
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store import revision
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where, engine_of
from parental.store.schema.ledger import clock_marks
from parental.store.schema.privileges import LEDGER
from parental.store.schema.records import blocks, day_keys

NOON = 1785758400
KEPT = Retention()
YEAR_S = 365 * DAY_S


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    engine = open_database(database, LEDGER)
    forget(engine, NOON)
    yield engine
    engine.dispose()


def forget(
    engine: Engine, at_s: int, step_s: int = 0, kept: Retention = KEPT, held: Sequence[Scope] = ()
) -> tuple[int, int]:
    """An hour's job, on a machine that has run since NOON.   What time it is, and before which released addresses go"""
    released: list[tuple[int, int]] = []
    clocks = Clocks("gw", at_s + step_s, float(at_s - NOON), "one")
    forget_due(engine, kept, clocks, lambda now_s, before_s: released.append((now_s, before_s)), None, held)
    return released[0]


def put(engine: Engine, day: int, *reasons: str, step_s: int = 0) -> None:
    at = NOON + day * DAY_S + step_s
    records = [BlockRecord(at, "dns", "splash", "l", "r", 0, "", reason, 1, 7) for reason in reasons]
    with writing(engine) as conn:
        block_ledger.append_blocks(conn, records, bytes(32))


def left(engine: Engine) -> tuple[list[str], list[str]]:
    """Reasons of the records, days of the keys."""
    with reading(engine) as conn:
        reasons = conn.execute(select(blocks.c.reason).order_by(blocks.c.id)).scalars().all()
        return list(reasons), list(conn.execute(select(day_keys.c.day).order_by(day_keys.c.day)).scalars())


def test_each_kind_of_record_goes_at_its_age_and_the_keys_at_theirs(engine: Engine) -> None:
    put(engine, 0, "order", "category", "pause", "security")

    for day, reasons, keys in (
        (30, ["order", "category", "pause", "security"], ["2026-08-03"]),
        (31, ["order", "security"], ["2026-08-03"]),
        (90, ["order", "security"], ["2026-08-03"]),
        (91, ["order", "security"], []),
        (1095, ["order", "security"], []),
        (1096, [], []),
    ):
        forget(engine, NOON + day * DAY_S)
        assert left(engine) == (reasons, keys), day


def test_keys_go_no_later_than_the_records_that_they_are_for(engine: Engine) -> None:
    put(engine, 0, "order")
    short = Retention(blocks=type(KEPT.blocks)(10 * DAY_S), household=type(KEPT.blocks)(0))

    forget(engine, NOON + 11 * DAY_S, kept=short)

    assert left(engine) == ([], [])


def test_a_household_that_keeps_nothing_has_nothing_after_the_next_hour(engine: Engine) -> None:
    put(engine, 0, "pause", "order")

    forget(engine, NOON + 3600, kept=Retention(household=type(KEPT.blocks)(0)))

    assert left(engine) == (["order"], ["2026-08-03"])


def test_keys_are_destroyed_before_the_records_go(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(engine, 0, "order")
    monkeypatch.setattr(block_ledger, "forget", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        forget(engine, NOON + 2000 * DAY_S)

    assert left(engine) == (["order"], [])


def test_a_step_of_a_year_forward_destroys_nothing_and_is_said(engine: Engine) -> None:
    put(engine, 0, "order", "pause")

    for hour in range(1, 4):
        with pytest.raises(ClockStep, match=r"stepped by \+31536000 s to 2027-08-03.*the time before, 2026-08-03"):
            forget(engine, NOON + hour * 3600, YEAR_S)

    assert left(engine) == (["order", "pause"], ["2026-08-03"])


def test_a_step_of_a_year_back_keeps_nothing_longer(engine: Engine) -> None:
    put(engine, 0, "order", "pause")

    with pytest.raises(ClockStep, match="stepped by -31536000 s"):
        forget(engine, NOON + 91 * DAY_S, -YEAR_S)

    assert left(engine) == (["order"], [])


def test_records_of_a_time_that_a_wrong_clock_made_are_not_kept_until_that_time(engine: Engine) -> None:
    put(engine, 0, "order", step_s=70 * YEAR_S)
    short = Retention(blocks=type(KEPT.blocks)(10 * DAY_S))

    forget(engine, NOON + DAY_S, kept=short)
    forget(engine, NOON + 30 * DAY_S, kept=short)
    assert left(engine) == (["order"], ["2096-07-16"])
    forget(engine, NOON + 32 * DAY_S, kept=short)  # the household's age is the longer one

    assert left(engine) == ([], [])


def test_after_another_start_with_a_wrong_clock_nothing_is_touched(engine: Engine) -> None:
    put(engine, 0, "order", "pause")

    with pytest.raises(ClockStep, match="nothing is forgotten"):
        forget_due(engine, KEPT, Clocks("gw", NOON + YEAR_S, 1.0, "two"), lambda *_: None)

    assert left(engine) == (["order", "pause"], ["2026-08-03"])


def test_a_destroyed_key_is_in_no_file_of_the_database(engine: Engine, tmp_path: Path) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps what was deleted until its vacuum")
    put(engine, 0, "order")
    with reading(engine) as conn:
        [key] = conn.execute(select(day_keys.c.key)).scalars()

    def octets() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.glob("filterd.db*"))

    assert key in octets()
    forget(engine, NOON + 91 * DAY_S)
    assert key not in octets()


def test_without_secure_deletion_the_key_would_be_there(engine: Engine, tmp_path: Path) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps what was deleted until its vacuum")
    put(engine, 0, "order")
    with writing(engine) as conn:
        conn.exec_driver_sql("PRAGMA secure_delete=OFF")
        [key] = conn.execute(select(day_keys.c.key)).scalars()
        conn.execute(delete(day_keys))

    assert key in b"".join(path.read_bytes() for path in tmp_path.glob("filterd.db*"))


def test_what_a_household_did_goes_at_the_age_of_its_records(engine: Engine, database: Where) -> None:
    of_lines = engine_of(database)
    with writing(of_lines) as conn:
        store.put_subscriber(conn, Subscriber(7, "x", ()))
        note(conn, 7, By("token", "1", "parent"), "paused", {"line": 7}, datetime.fromtimestamp(NOON, UTC))

    def kept_at(day: int) -> int:
        forget(engine, NOON + day * DAY_S)
        with reading(of_lines) as conn:
            return len(history(conn, 7))

    assert [kept_at(29), kept_at(31)] == [1, 0]
    of_lines.dispose()


def test_released_addresses_are_kept_for_their_age(engine: Engine, database: Where) -> None:
    of_lines = engine_of(database)

    def move(prefix: str) -> int:
        with writing(of_lines) as conn:
            store.put_subscriber(conn, Subscriber(7, "x", (parse_prefix(prefix),)))
            return revision.current_revision(conn)

    def due(day: int) -> int:
        span = forget(engine, NOON + day * DAY_S)
        with writing(of_lines) as conn:
            return revision.mark_revision(conn, *span)

    move("192.0.2.1")
    released = move("192.0.2.2")
    assert due(1) == 0
    move("192.0.2.3")

    assert [due(7), due(8)] == [0, released]
    of_lines.dispose()


def test_more_records_than_a_batch_all_go(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filterd.audit.retention.BATCH", 2)
    for second in range(7):
        put(engine, 0, "order", step_s=second)

    forget(engine, NOON + 1096 * DAY_S)

    assert left(engine) == ([], [])


def test_while_the_archive_is_away_all_else_goes_and_keys_of_a_time_to_come_wait_for_their_files(
    engine: Engine,
) -> None:
    put(engine, 0, "order", step_s=70 * YEAR_S)
    short, released, due = Retention(blocks=type(KEPT.blocks)(10 * DAY_S)), list[int](), list[Due]()
    forget(engine, NOON + DAY_S, kept=short)
    put(engine, 0, "order")

    def at(day: int, files: Callable[[Due], None]) -> None:
        clocks = Clocks("gw", NOON + day * DAY_S, float(day * DAY_S), "one")
        forget_due(engine, short, clocks, lambda now_s, _: released.append(now_s), files)

    def is_away(found: Due) -> None:
        if found.after_s is not None or not due:
            raise OSError("the archive is away")

    with pytest.raises(OSError, match="is away"):
        at(31, is_away)
    assert (len(released), left(engine)[0]) == (1, ["order"])
    due.append(Due(0, 0))
    with pytest.raises(OSError, match="is away"):
        at(32, is_away)
    assert left(engine)[1] == ["2096-07-16"]
    at(33, due.append)

    assert [each.after_s is not None for each in due[1:]] == [False, True]
    assert left(engine) == ([], [])


def test_the_clock_keeps_one_row(engine: Engine) -> None:
    for hour in range(5):
        forget(engine, NOON + hour * 3600)

    with reading(engine) as conn:
        assert len(conn.execute(select(clock_marks)).all()) == 1


OVER = NOON + 2000 * DAY_S
EVERYTHING = Scope(0, OVER)


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        (EVERYTHING, True),
        (Scope(NOON, NOON + 1), True),
        (EVERYTHING._replace(list="l"), True),
        (EVERYTHING._replace(category=""), True),
        (EVERYTHING._replace(order=0), True),
        (Scope(NOON + 1, OVER), False),
        (Scope(0, NOON), False),
        (EVERYTHING._replace(list="other"), False),
        (EVERYTHING._replace(order=3), False),
        (EVERYTHING._replace(subscriber="00" * 16), False),
        (EVERYTHING._replace(list="l", order=3), False),
    ],
)
def test_what_a_legal_hold_names_stays_and_nothing_else_nor_anything_of_a_household(
    engine: Engine, held: Scope, kept: bool
) -> None:
    put(engine, 0, "order", "pause", "category")

    forget(engine, OVER, held=[held])

    assert left(engine) == (["order"] if kept else [], [])


def test_a_legal_hold_names_a_subscriber_by_the_pseudonym_of_a_day(engine: Engine) -> None:
    put(engine, 0, "order")
    with reading(engine) as conn:
        pseudonym = conn.execute(select(blocks.c.pseudonym)).scalar_one()

    forget(engine, OVER, held=[EVERYTHING._replace(subscriber=pseudonym)])

    assert left(engine) == (["order"], [])


def test_keys_of_days_stay_where_a_hold_says_so_and_go_with_it(engine: Engine) -> None:
    put(engine, 0, "order")
    put(engine, 2, "security")
    held = [Scope(NOON, NOON + 1, keeps_keys=True), Scope(0, OVER)]

    forget(engine, OVER, held=held)
    assert left(engine) == (["order", "security"], ["2026-08-03"])

    forget(engine, OVER, held=held[1:])
    assert left(engine) == (["order", "security"], [])
    forget(engine, OVER)
    assert left(engine) == ([], [])


def test_more_held_records_than_a_batch_keep_none_that_are_due_from_going(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.audit.retention.BATCH", 2)
    for day in range(5):
        put(engine, day, "order")
        put(engine, day, "security")

    forget(engine, OVER, held=[Scope(0, NOON + 3 * DAY_S)])

    assert left(engine)[0] == ["order", "security"] * 3
