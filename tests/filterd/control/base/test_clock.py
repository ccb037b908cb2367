"""A wall clock that is set back: doubted, told, and believed again."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make, play
from support.control.box import reason as blocked_for

from fastpath.images.verdict import Reason
from fastpath.wire.name import to_wire
from filterd.config import load
from filterd.control.base.clock import DOUBTED_S, Clock, offset_s, until_set
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.service import Control
from mgmt.ledger.event import CONTROL
from mgmt.ledger.trusted_clock import TOLERANCE_S, UNKNOWN, Clocks, confirm
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import put_subscriber
from parental.store.database import writing

pytestmark = pytest.mark.services

HOUR_S = 3600


class Machine:
    """Clocks that a test sets, and the watch of one of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clocks = engine, Clocks("gw", 1_785_758_400.0, 500.0, "first")
        self.watch = Clock(engine, lambda: self.clocks)

    def after(self, seconds: float, step_s: float = 0.0) -> int:
        """What the watch says after some time, and a step of the wall clock."""
        wall_s, boot_s = self.clocks.wall_s + seconds + step_s, self.clocks.boot_s + seconds
        self.clocks = self.clocks._replace(wall_s=wall_s, boot_s=boot_s)
        return self.watch.look()

    def start_again(self, off_s: float) -> int:
        """What a watch says first after another start of the machine."""
        self.clocks = Clocks("gw", self.clocks.wall_s + off_s, 5.0, self.clocks.boot_id + " and another")
        self.watch = Clock(self.engine, lambda: self.clocks)
        return self.watch.look()


@pytest.fixture
def machine(engine: Engine) -> Machine:
    found = Machine(engine)
    assert found.watch.look() == 0
    return found


def test_a_step_back_is_doubted_and_told_until_the_clock_is_right_again(machine: Machine) -> None:
    assert machine.after(60, -HOUR_S) == HOUR_S
    assert str(machine.watch.fault).startswith("clock: set back by 3600 s; ")
    assert [machine.after(60, 0.01) for _ in range(20)] == [HOUR_S] * 20  # it is slewed meanwhile
    assert machine.after(60, HOUR_S) == 0
    assert machine.watch.fault is None


def test_a_small_step_and_one_forward_are_followed(machine: Machine) -> None:
    assert [machine.after(60, step_s) for step_s in (-TOLERANCE_S, 5.0, HOUR_S, 0.0)] == [0, 0, 0, 0]


def test_a_clock_that_was_set_forward_and_comes_back_shuts_nobody_out(machine: Machine) -> None:
    assert [machine.after(600, step_s) for step_s in (5 * HOUR_S, -5 * HOUR_S)] == [0, 0]


def test_after_another_start_an_earlier_clock_is_doubted_and_a_later_one_is_not(machine: Machine) -> None:
    assert machine.start_again(HOUR_S) == 0
    assert machine.start_again(-10 * HOUR_S) == 10 * HOUR_S + 5
    assert machine.after(120, 10 * HOUR_S) == 0


def test_a_person_who_confirms_it_ends_the_doubt(machine: Machine) -> None:
    machine.after(60, -HOUR_S)

    with writing(machine.engine) as conn:
        confirm(conn, machine.clocks, CONTROL)

    assert machine.after(60) == 0


def test_it_ends_by_itself_after_a_day_and_another_step_is_doubted_as_before(machine: Machine) -> None:
    machine.after(60, -HOUR_S)

    assert machine.after(DOUBTED_S - 60) == HOUR_S
    assert machine.after(60) == 0
    assert machine.after(DOUBTED_S) == 0
    assert machine.after(60, -HOUR_S) == 2 * HOUR_S


def test_what_is_decided_goes_by_the_counter_and_not_by_a_clock_that_is_set(machine: Machine) -> None:
    began_s = machine.watch.now_s()
    machine.clocks = machine.clocks._replace(wall_s=0.0, boot_s=machine.clocks.boot_s + 30)
    assert machine.watch.now_s() == began_s + 30, "between two looks"

    for step_s in (100 * HOUR_S, -200 * HOUR_S):
        machine.after(15, step_s)
    assert machine.watch.now_s() == began_s + 60


def test_after_a_start_with_a_wrong_clock_nothing_is_decided_by_time_until_it_is_right(machine: Machine) -> None:
    began_s = machine.watch.now_s()
    assert Clock(machine.engine, lambda: machine.clocks).now_s() == UNKNOWN, "it has not looked"

    machine.start_again(-10 * HOUR_S)
    assert machine.watch.now_s() == UNKNOWN
    machine.after(60, 10 * HOUR_S)
    assert machine.watch.now_s() == began_s + 60


def test_control_decides_on_orders_by_the_time_that_no_one_can_set(place: Path, engine: Engine) -> None:
    machine = Machine(engine)  # for which it is a summer's day, whatever the wall clock of the test says
    machine.watch.look()
    order = Order("PTA", "E-1", "a law", "subtree", None, True, (("soon.test", "subtree"),))
    entry = Entry(1, "soon.test", to_wire(b"soon.test"), EntryMode.SUBTREE, EntryStatus.PENDING, None)
    with writing(engine) as conn:
        put_order(conn, order, [entry], b"", datetime.fromtimestamp(machine.clocks.wall_s, UTC), CONTROL)

    async def work() -> list[str]:
        control = Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None), machine.watch)
        await control.start()
        before = blocked_for(control, "soon.test")
        machine.after(4 * HOUR_S)
        await control.publisher.names_changed()
        return [before, blocked_for(control, "soon.test")]

    assert asyncio.run(work()) == ["order", "default"]


def closed_an_hour_ahead(engine: Engine) -> None:
    """Line 7 is open now, and closed in an hour."""
    now = datetime.now(UTC)
    minute = now.weekday() * 1440 + now.hour * 60 + now.minute + 30
    hours = Interval(minute // 1440 % 7, minute % 1440, 60)
    with writing(engine) as conn:
        schedule = Schedule((hours,), "UTC")
        put_subscriber(conn, Subscriber(7, "home", (parse_prefix("192.0.2.7"),), Profile(schedule=schedule)))


def test_workers_and_kernel_read_schedules_at_both_times_until_the_clock_is_believed(
    place: Path, engine: Engine
) -> None:
    closed_an_hour_ahead(engine)
    machine = Machine(engine)

    def reason(control: Control) -> Reason:
        now_s = int(datetime.now(UTC).timestamp())
        return control.publisher.tables.decide(None, "192.0.2.7", now_s).reason

    async def work(control: Control) -> None:
        await control.look_at_clock(machine.watch)
        assert reason(control) is Reason.DEFAULT
        machine.after(1, -HOUR_S)
        await control.look_at_clock(machine.watch)
        assert (reason(control), control.midnight.behind_s) == (Reason.SCHEDULE, HOUR_S)
        assert "set back" in control.faults["clock"]

    play(place, engine, work)

    async def start_again() -> None:
        control = make(place, engine)
        await control.start()
        assert (reason(control), control.midnight.behind_s) == (Reason.SCHEDULE, HOUR_S)
        machine.after(1, HOUR_S)
        await control.look_at_clock(machine.watch)
        assert (reason(control), control.midnight.behind_s) == (Reason.DEFAULT, 0)
        assert "clock" not in control.faults

    asyncio.run(start_again())


async def test_a_clock_that_is_set_is_noticed_and_one_that_is_slewed_is_not() -> None:
    slewed, stepped = iter([5.0, 5.01, 5.02, *[5.03] * 1_000_000]), iter([5.0, 5.01, 1.0])

    assert await until_set(0.05, lambda: next(slewed), 0.001) is False
    assert await until_set(60.0, lambda: next(stepped), 0.001) is True


def test_the_clock_of_this_machine_can_be_read() -> None:
    assert offset_s() > 0
