import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select
from support.mgmt.ledgers import NOON, line_put

from mgmt.ledger import store
from mgmt.ledger.event import CONTROL
from mgmt.ledger.trusted_clock import (
    MAX_OFF_S,
    Clocks,
    ClockStep,
    TrustedTime,
    ahead_for_s,
    confirm,
    known,
    look,
    read_clocks,
)
from parental.store.database import writing
from parental.store.schema.ledger import events
from parental.store.schema.records import blocks

START_S = NOON.timestamp()
HOUR_S, YEAR_S = 3600.0, 365 * 86_400.0
FIRST = Clocks("gw", START_S, 100.0, "first")


def later(clocks: Clocks, seconds: float, step_s: float = 0.0) -> Clocks:
    return clocks._replace(wall_s=clocks.wall_s + seconds + step_s, boot_s=clocks.boot_s + seconds)


def looked(engine: Engine, clocks: Clocks) -> TrustedTime:
    with writing(engine) as conn:
        return look(conn, clocks)


def test_a_clock_that_goes_on_is_believed_and_may_be_slewed(engine: Engine) -> None:
    assert looked(engine, FIRST) == (START_S, 0.0)
    assert looked(engine, later(FIRST, HOUR_S, 2.0)) == (START_S + HOUR_S + 2, 0.0)
    assert looked(engine, later(FIRST, 2 * HOUR_S, 4.0)) == (START_S + 2 * HOUR_S + 4, 0.0)


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S, 3600.0, -3600.0])
def test_a_step_while_the_machine_runs_changes_nothing_but_is_said(engine: Engine, step_s: float) -> None:
    looked(engine, FIRST)

    for hours in (1, 2, 3):
        found = looked(engine, later(FIRST, hours * HOUR_S, step_s))
        assert found == (START_S + hours * HOUR_S, step_s)

    assert looked(engine, later(FIRST, 4 * HOUR_S)) == (START_S + 4 * HOUR_S, 0.0)  # it is right again


def test_time_goes_on_by_the_time_before_for_years_after_a_step_back(engine: Engine) -> None:
    looked(engine, FIRST)

    assert looked(engine, later(FIRST, 3 * YEAR_S, -YEAR_S)).time_s == START_S + 3 * YEAR_S


@pytest.mark.parametrize("off_s", [0.0, HOUR_S, MAX_OFF_S])
def test_a_machine_that_was_off_for_days_believes_its_clock(engine: Engine, off_s: float) -> None:
    looked(engine, FIRST)

    assert looked(engine, Clocks("gw", START_S + off_s, 5.0, "second")) == (START_S + off_s, 0.0)


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S, -START_S, MAX_OFF_S + 1, -61.0])
def test_after_another_start_a_clock_that_is_far_off_decides_nothing_until_it_is_right(
    engine: Engine, step_s: float
) -> None:
    looked(engine, FIRST)
    wrong = Clocks("gw", START_S + step_s, 5.0, "second")

    for _ in range(3):
        with pytest.raises(ClockStep, match="filterd last ran at 2026-08-03T12:00:00Z; nothing is forgotten"):
            looked(engine, wrong)

    assert looked(engine, later(wrong, HOUR_S, -step_s)) == (START_S + HOUR_S, 0.0)


def test_what_time_it_is_is_not_known_after_a_start_with_a_wrong_clock_whatever_events_say(engine: Engine) -> None:
    wrong = Clocks("gw", 0.0, 5.0, "second")
    with writing(engine) as conn:
        assert known(conn, FIRST) == START_S
        store.append(conn, line_put(1), NOON + timedelta(days=30_000))
        assert known(conn, later(FIRST, HOUR_S, -YEAR_S)) == START_S + HOUR_S
        assert known(conn, wrong) is None
        assert known(conn, later(wrong, 60, START_S + 2 * HOUR_S)) == START_S + 2 * HOUR_S + 60


def test_a_confirmed_clock_is_believed_and_an_event_says_who_confirmed_it(engine: Engine) -> None:
    looked(engine, FIRST)
    stepped = later(FIRST, HOUR_S, YEAR_S)

    with writing(engine) as conn:
        confirm(conn, stepped, CONTROL)
        [text] = conn.execute(select(events.c.text)).scalars()

    assert looked(engine, later(stepped, HOUR_S)) == (START_S + YEAR_S + 2 * HOUR_S, 0.0)
    said = json.loads(text)
    assert (said["action"], said["about"]["time"]) == ("clock confirmed", "2027-08-03T13:00:00Z")
    assert said["said"] == {"before": "2026-08-03T12:00:00Z"}


def _put_block(conn: Connection) -> None:
    row: dict[str, Any] = {column.name: "" for column in blocks.columns if column.name != "id"}
    conn.execute(insert(blocks).values(row | {"time_s": int(START_S), "order": 0, "generation": 1, "count": 1}))


@pytest.mark.parametrize("what", ["a record", "an event"])
def test_a_database_of_before_is_not_believed_to_be_a_year_old_by_a_wrong_clock(engine: Engine, what: str) -> None:
    with writing(engine) as conn:
        if what == "a record":
            _put_block(conn)
        else:
            store.append(conn, line_put(1), NOON)
    ahead = FIRST._replace(wall_s=START_S + YEAR_S)

    for at in (ahead, later(ahead, HOUR_S)):
        with pytest.raises(ClockStep):
            looked(engine, at)
        with writing(engine) as conn:  # what is written meanwhile has the wrong time, and proves nothing
            store.append(conn, line_put(2), NOON)


def test_records_of_a_time_that_has_not_come_are_timed_from_when_they_were_seen(engine: Engine) -> None:
    looked(engine, FIRST)

    with writing(engine) as conn:
        assert ahead_for_s(conn, "gw", START_S, True) == 0
        assert ahead_for_s(conn, "gw", START_S + 50, True) == 50
        assert ahead_for_s(conn, "gw", START_S + 60, False) == 0
        assert ahead_for_s(conn, "gw", START_S + 70, True) == 0
    assert looked(engine, later(FIRST, HOUR_S)).step_s == 0.0


def test_a_step_on_one_node_is_no_time_of_another_that_shares_the_database(engine: Engine) -> None:
    other = Clocks("gw2", START_S, 50.0, "other")
    looked(engine, FIRST)
    looked(engine, other)

    assert looked(engine, later(other, HOUR_S, 86_400.0)) == (START_S + HOUR_S, 86_400.0)
    assert looked(engine, later(FIRST, HOUR_S)) == (START_S + HOUR_S, 0.0)
    assert looked(engine, later(other, 2 * HOUR_S, 86_400.0)) == (START_S + 2 * HOUR_S, 86_400.0)


def test_the_machine_says_what_time_it_is_and_which_start_that_is() -> None:
    one, other = read_clocks(), read_clocks()

    assert one.boot_id == other.boot_id and other.boot_s >= one.boot_s > 0
