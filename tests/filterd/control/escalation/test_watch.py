"""Control's look at the clocks: by a time that no one can set, over restarts, with receivers that are dead."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update
from support.mgmt.orders import NOW, publish, push
from support.system.receivers import Box, box_with_receivers

from filterd.commands import order_notices as delivery
from filterd.control.escalation import watch
from filterd.control.escalation.watch import UndeliveredMessages, deliver, look, note_unended, refuse_undelivered
from mgmt.ledger.event import CONTROL
from mgmt.ledger.trusted_clock import Clocks, ClockStep
from mgmt.orders.base.live import live_entries
from mgmt.orders.deadlines.notices import counts
from mgmt.orders.store import withdraw_order
from parental.store.database import reading, writing
from parental.store.engines import Where
from parental.store.schema.canaries import order_canaries
from parental.store.schema.deadlines import order_alarms
from parental.store.schema.orders import orders

pytestmark = pytest.mark.services

HandOver = Callable[[list[int]], list[bool]]
HOUR_S = 3600
BEGUN_S = NOW.timestamp()


def clocks(hours: float, step_s: float = 0.0, boot: str = "one") -> Clocks:
    """Of a machine that has run since the order came.   step_s  by which its wall clock was set"""
    return Clocks("gw", BEGUN_S + hours * HOUR_S + step_s, hours * HOUR_S, boot)


def state(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return {name: n for name, n in counts(conn).items() if n}


def kinds(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return sorted(conn.execute(select(order_alarms.c.kind)).scalars())


@pytest.fixture
def box(tmp_path: Path, database: Where) -> Iterator[Box]:
    with box_with_receivers(tmp_path, database) as made:
        yield made


@pytest.fixture
def order(box: Box) -> int:
    with writing(box.engine) as conn:
        return push(conn, "a.test")


def test_an_alarm_comes_by_the_time_that_passes_wherever_the_wall_clock_is_set(box: Box, order: int) -> None:
    look(box.control, box.records, box.config, clocks(0))
    look(box.control, box.records, box.config, clocks(1, step_s=86_400))
    assert kinds(box.engine) == []

    claimed = look(box.control, box.records, box.config, clocks(5.1, step_s=-86_400))

    assert (kinds(box.engine), len(claimed)) == (["50"], 1)


def test_after_a_start_with_a_clock_that_cannot_be_right_no_alarm_is_given_until_a_person_confirms_it(
    box: Box, order: int
) -> None:
    look(box.control, box.records, box.config, clocks(0))
    wrong = clocks(0, step_s=400 * 86_400, boot="two")

    with pytest.raises(ClockStep, match="no approval and no alarm of an order is given, and none expires; if "):
        look(box.control, box.records, box.config, wrong)
    assert kinds(box.engine) == []

    look(box.control, box.records, box.config, clocks(6, boot="three"))
    assert kinds(box.engine) == ["50"]


def test_a_control_that_starts_again_gives_no_alarm_twice(box: Box, order: int) -> None:
    first = look(box.control, box.records, box.config, clocks(6))
    again = [look(box.control, box.records, box.config, clocks(6.001, boot=boot)) for boot in ("one", "two", "three")]

    assert (len(first), again) == (1, [[], [], []])
    assert state(box.engine) == {"waiting": 1}


@pytest.fixture
def hand_over(box: Box) -> HandOver:
    """What the job does, in this process."""
    return lambda numbers: [delivery.deliver(box.config, box.control, number) for number in numbers]


def test_mail_and_webhook_get_what_is_due_and_the_box_says_nothing_then(box: Box, order: int) -> None:
    claimed = look(box.control, box.records, box.config, clocks(9.5))
    assert len(claimed) == 2

    asyncio.run(deliver(box.control, box.file, claimed))

    refuse_undelivered(box.control)
    assert state(box.engine) == {"sent": 2}
    (mail,), ((_, body),) = box.mails.mails, box.hook.taken
    assert "90 % of its time" in mail["Subject"]
    assert b'"alarm":"90"' in body
    assert "a.test" not in mail.as_string() + body.decode()


def test_a_dead_receiver_is_named_and_keeps_nothing_from_the_other_and_gets_it_later(
    box: Box, order: int, hand_over: HandOver
) -> None:
    box.hook.status = 500
    assert sorted(hand_over(look(box.control, box.records, box.config, clocks(9.5)))) == [False, True]

    assert len(box.mails.mails) == 1
    with pytest.raises(
        UndeliveredMessages, match=r"webhook https://.*: it answered 500; 1 alarms wait and are tried again"
    ):
        refuse_undelivered(box.control)

    box.hook.status = 204
    assert hand_over(look(box.control, box.records, box.config, clocks(9.6))) == [True]
    refuse_undelivered(box.control)
    assert state(box.engine) == {"sent": 2}
    assert len({headers["Idempotency-Key"] for headers, _ in box.hook.taken}) == 1


def test_what_waits_is_dropped_once_the_order_can_be_late_no_more(box: Box, order: int, hand_over: HandOver) -> None:
    box.mails.answer = "452 later"
    assert hand_over(look(box.control, box.records, box.config, clocks(6))) == [False]
    with writing(box.engine) as conn:
        publish(conn)
        withdraw_order(conn, order, "a mistake", NOW, CONTROL)
        publish(conn, NOW + timedelta(hours=6))

    assert look(box.control, box.records, box.config, clocks(7)) == []
    assert state(box.engine) == {"dropped": 1}
    refuse_undelivered(box.control)


def test_a_job_that_was_killed_leaves_its_message_for_the_next_try(
    box: Box, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = look(box.control, box.records, box.config, clocks(6))
    monkeypatch.setattr(watch, "JOB_S", 0.01)

    asyncio.run(deliver(box.control, box.file, claimed))

    with pytest.raises(UndeliveredMessages, match=r"no end within 0\.01 s"):
        refuse_undelivered(box.control)
    assert look(box.control, box.records, box.config, clocks(6.03)) == claimed
    note_unended(box.control, [*claimed, 99], "gone")


def test_a_message_that_one_gateway_has_in_hand_is_not_taken_by_another(box: Box, order: int) -> None:
    claimed = look(box.control, box.records, box.config, clocks(6))
    in_hand = clocks(6 + watch.JOB_S / HOUR_S)._replace(node="the other")

    assert len(claimed) == 1
    assert look(box.control, box.records, box.config, in_hand) == []


def dated(engine: Engine, order: int, **hours: float) -> None:
    """An order in force with dates so many hours after its receipt."""
    with writing(engine) as conn:
        moments = {name: int(BEGUN_S + each * HOUR_S) for name, each in hours.items()}
        conn.execute(update(orders).where(orders.c.id == order).values(moments))
        publish(conn)


def test_a_rollback_is_mailed_to_all_once_and_kept_while_the_clock_says_nothing(
    box: Box, order: int, hand_over: HandOver
) -> None:
    row = {"order": order, "gateway": "gw1", "revision": 1, "n_entries": 1, "begun_s": 1, "since_s": 1, "until_s": 9}
    ended = {"outcome": "rolled_back", "reason": "why", "ended_s": int(BEGUN_S) + 60}
    with writing(box.engine) as conn:
        conn.execute(insert(order_canaries).values(row | ended))
    box.mails.answer = "452 later"
    assert sorted(hand_over(look(box.control, box.records, box.config, clocks(0.1)))) == [False, True]
    with writing(box.engine) as conn:
        withdraw_order(conn, order, "a mistake", NOW, CONTROL)
        publish(conn, NOW + timedelta(hours=1))
    box.mails.answer = "250 taken"
    again = [hand_over(look(box.control, box.records, box.config, clocks(hours))) for hours in (2, 3)]

    assert again == [[True], []]
    assert "rolled back: it has blocked too much" in box.mails.mails[-1]["Subject"]
    assert "by the day" not in str(box.mails.mails[-1]) and b'"alarm":"rolled_back"' in box.hook.taken[0][1]


def is_open(engine: Engine, hours: float) -> bool:
    """Whether the order is open, after control has published at an hour of the wall clock."""
    with writing(engine) as conn:
        publish(conn, NOW + timedelta(hours=hours))
        return list(live_entries(conn)) == []


def test_an_order_expires_by_the_time_that_passes_and_a_clock_that_is_set_forward_opens_nothing(
    box: Box, order: int
) -> None:
    dated(box.engine, order, expires_s=48)
    look(box.control, box.records, box.config, clocks(0))
    look(box.control, box.records, box.config, clocks(1, step_s=400 * 86_400))
    assert not is_open(box.engine, 400 * 24)

    look(box.control, box.records, box.config, clocks(48.1, step_s=-86_400))
    assert is_open(box.engine, 48.1)


def test_nothing_expires_while_the_time_is_not_known(box: Box, order: int) -> None:
    dated(box.engine, order, expires_s=48)
    look(box.control, box.records, box.config, clocks(0))
    with pytest.raises(ClockStep, match="none expires"):
        look(box.control, box.records, box.config, clocks(0, step_s=400 * 86_400, boot="two"))
    assert not is_open(box.engine, 1)


def test_a_review_is_mailed_once_and_dropped_where_the_order_ends_first(
    box: Box, order: int, hand_over: HandOver
) -> None:
    dated(box.engine, order, review_s=1)
    box.mails.answer = "452 later"
    assert hand_over(look(box.control, box.records, box.config, clocks(2))) == [False]
    with writing(box.engine) as conn:
        withdraw_order(conn, order, "no longer needed", NOW, CONTROL)
        publish(conn, NOW + timedelta(hours=3))

    assert look(box.control, box.records, box.config, clocks(4)) == []
    assert (kinds(box.engine), state(box.engine)) == (["review"], {"dropped": 1})
