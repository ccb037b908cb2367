"""Which connections control wants ended after a change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Engine
from support.control.box import play, push
from support.control.cuts import ASKED, OTHER, SERVER, Wants, connection, put, set_means

from fastpath.gate.labels import ALL_CATEGORIES, ALL_NAMES, hashes_of
from fastpath.gate.marks import FlowState
from fastpath.images.image_key import label_key
from fastpath.wire.name import to_wire
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.service import Control
from filterd.kernel.cut import Label, Means
from mgmt.contract.control import Cut, Receipt
from mgmt.orders.base.model import EntryMode
from parental.calendar import exceptions
from parental.people.household import By
from parental.policy.profile import Span
from parental.policy.schedule import Interval, Schedule
from parental.store.database import writing

pytestmark = pytest.mark.services


def tap(place: Path, engine: Engine, *changes: Callable[[], object]) -> list[Receipt]:
    """The receipt of each change of people."""

    async def work(control: Control) -> list[Receipt]:
        receipts = []
        for change in changes:
            change()
            receipts.append(await control.locks.policy_changed())
        return receipts

    return play(place, engine, work)


def test_a_closed_category_ends_what_it_closes_for_its_line_alone(place: Path, engine: Engine, wants: Wants) -> None:
    [receipt] = tap(place, engine, lambda: put(engine, "video"))

    [wanted] = wants
    assert receipt.cut == Cut(ASKED, 1, 0)
    assert wanted.is_wanted(connection("film.test", "video"))
    assert wanted.is_wanted(connection("film.test", "games", "video"))
    assert not wanted.is_wanted(connection("film.test", "games"))
    assert not wanted.is_wanted(connection("film.test", "video", line=OTHER))
    assert not wanted.is_wanted(connection("film.test", "video")._replace(label=None))
    assert wanted.may_be_in(b"..." + bytes([192, 0, 2, 7]) + b"...")
    assert not wanted.may_be_in(b"..." + bytes([192, 0, 2, 8]) + b"...")


def test_a_connection_of_too_many_categories_ends_with_each(place: Path, engine: Engine, wants: Wants) -> None:
    tap(place, engine, lambda: put(engine, "video"))

    label = Label(1, 2, bytes([2, 3, 4, 5, 6, 7, 8, ALL_CATEGORIES]))
    assert wants[0].is_wanted(connection("film.test")._replace(label=label))


def test_closing_quic_ends_what_runs_over_it(place: Path, engine: Engine, wants: Wants) -> None:
    tap(place, engine, lambda: put(engine, "quic"))

    assert wants[0].is_wanted(connection("film.test", is_udp=True))
    assert not wants[0].is_wanted(connection("film.test"))


def test_a_name_that_a_household_denies_ends_for_its_line_alone(place: Path, engine: Engine, wants: Wants) -> None:
    tap(place, engine, lambda: put(engine, denied=frozenset({"bad.test"})))

    assert wants[0].is_wanted(connection("www.bad.test"))
    assert not wants[0].is_wanted(connection("www.bad.test", line=OTHER))
    assert not wants[0].is_wanted(connection("good.test"))


def test_a_name_that_a_household_allows_no_more_ends_where_a_category_closes_it(
    place: Path, engine: Engine, wants: Wants
) -> None:
    (place / "f.yaml").write_text(
        (place / "f.yaml")
        .read_text()
        .replace("}]\n", "}, {id: v, file: v.txt, tier: category, category: video, format: plain}]\n")
    )
    (place / "v.txt").write_text("film.test\n")
    allowed = frozenset({"film.test", "good.test"})
    tap(place, engine, lambda: put(engine, "video", allowed=allowed), lambda: put(engine, "video"))

    assert len(wants) == 2
    assert wants[1].is_wanted(connection("film.test"))
    assert not wants[1].is_wanted(connection("good.test"))


def test_soft_hours_that_a_change_begins_end_all_but_what_they_leave_open(
    place: Path, engine: Engine, wants: Wants
) -> None:
    always = Schedule((Interval(0, 0, 10080, frozenset({"messaging"})),), "UTC")
    tap(place, engine, lambda: put(engine, schedule=always))

    assert wants[0].is_wanted(connection("film.test", "video"))
    assert wants[0].is_wanted(connection("other.test"))
    assert not wants[0].is_wanted(connection("chat.test", "messaging", "social"))


def test_a_great_many_changes_at_once_end_nothing(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.control.cut.MOST_CHANGED", 1)

    def change() -> None:
        put(engine, "video")
        put(engine, "video", line=8)

    [receipt] = tap(place, engine, change)

    assert (receipt.cut, wants) == (None, [])


def test_a_change_that_closes_nothing_more_asks_the_kernel_nothing(place: Path, engine: Engine, wants: Wants) -> None:
    changes = [("video", "games"), ("video",), ("video",), (), ("video",)]
    receipts = tap(place, engine, *(lambda each=each: put(engine, *each) for each in changes))

    assert [receipt.cut is not None for receipt in receipts] == [True, False, False, False, True]
    assert len(wants) == 2


def test_what_was_closed_before_control_began_is_not_new(place: Path, engine: Engine, wants: Wants) -> None:
    put(engine, "video")
    tap(place, engine, lambda: put(engine, "games", line=8))

    assert not wants[0].is_wanted(connection("film.test", "video"))


@pytest.mark.parametrize(
    ("means", "n_cuts", "is_wanted"), [(Means.LINES, 1, True), (Means.QUIC, 1, False), (Means.NONE, 0, False)]
)
def test_without_labels_every_judged_connection_of_the_line_ends(
    place: Path,
    engine: Engine,
    wants: Wants,
    monkeypatch: pytest.MonkeyPatch,
    means: Means,
    n_cuts: int,
    is_wanted: bool,
) -> None:
    set_means(monkeypatch, means)
    tap(place, engine, lambda: put(engine, "video"))

    judged = connection("film.test")._replace(label=None)
    assert len(wants) == n_cuts
    assert [each.is_wanted(judged) for each in wants] == [is_wanted] * n_cuts
    assert not any(each.is_wanted(judged._replace(addresses=(OTHER, SERVER))) for each in wants)
    assert not any(each.is_wanted(judged._replace(state=FlowState.UNDECIDED)) for each in wants)


def ordered(place: Path, engine: Engine, *values: tuple[str, str]) -> Receipt:
    """The receipt of an order of each (name, mode)."""

    async def work(control: Control) -> Receipt:
        for number, (name, mode) in enumerate(values):
            push(engine, name, f"T-{number}", EntryMode(mode))
        return await control.publisher.names_changed()

    return play(place, engine, work)


def test_an_order_ends_its_names_and_what_is_below_for_everybody(place: Path, engine: Engine, wants: Wants) -> None:
    receipt = ordered(place, engine, ("bad.test", "subtree"), ("deep.site.test", "subtree"))

    [wanted] = wants
    assert receipt.cut == Cut(ASKED, 1, 0)
    for name in ("bad.test", "www.bad.test", "a.b.c.bad.test", "deep.site.test", "x.deep.site.test"):
        assert wanted.is_wanted(connection(name, line=OTHER)), name
    for name in ("good.test", "other.site.test", "site.test", "notbad.test"):
        assert not wanted.is_wanted(connection(name)), name


def test_an_order_of_one_name_alone_ends_nothing_below_it(place: Path, engine: Engine, wants: Wants) -> None:
    ordered(place, engine, ("bad.test", "exact"))

    assert wants[0].is_wanted(connection("bad.test"))
    assert not wants[0].is_wanted(connection("www.bad.test"))


def test_a_connection_of_several_names_ends_with_every_order(place: Path, engine: Engine, wants: Wants) -> None:
    ordered(place, engine, ("bad.test", "subtree"))

    several = connection("good.test")._replace(label=Label(ALL_NAMES, ALL_NAMES, bytes(8)))
    assert wants[0].is_wanted(several)


def test_a_connection_of_several_names_is_held_against_so_many_of_a_change(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.control.cut.MOST_SEVERAL", 0)
    ordered(place, engine, ("bad.test", "subtree"))

    several = connection("good.test")._replace(label=Label(ALL_NAMES, ALL_NAMES, bytes(8)))
    assert not wants[0].is_wanted(several)
    assert wants[0].is_wanted(connection("bad.test"))


def with_a_gate(place: Path) -> None:
    """Without one, no URL is in force."""
    said = (place / "f.yaml").read_text()
    (place / "f.yaml").write_text(said.replace("gate: {workers: 0}", "gate: {workers: 1}"))


def test_an_order_of_a_url_ends_what_runs_over_http_to_its_host_alone(
    place: Path, engine: Engine, wants: Wants
) -> None:
    with_a_gate(place)
    receipt = ordered(place, engine, ("bad.test/page", "url"))

    [wanted] = wants
    assert receipt.cut == Cut(ASKED, 1, 0)
    plain = connection("bad.test", line=OTHER)._replace(port=80)
    assert wanted.is_wanted(plain)
    for other in (plain._replace(port=443), plain._replace(is_udp=True), plain._replace(label=None)):
        assert not wanted.is_wanted(other)
    assert not wanted.is_wanted(connection("good.test")._replace(port=80))
    two = hashes_of(to_wire(b"bad.test"), label_key())[0]
    assert wanted.may_be_in(b"x" + two.to_bytes(4, "little"))
    assert not wanted.may_be_in(bytes(1000))


def test_an_order_of_a_name_and_a_url_ends_the_connections_of_both(place: Path, engine: Engine, wants: Wants) -> None:
    with_a_gate(place)
    ordered(place, engine, ("bad.test/page", "url"), ("worse.test", "subtree"))

    for found, is_wanted in (
        (connection("bad.test")._replace(port=80), True),
        (connection("bad.test")._replace(port=443), False),
        (connection("worse.test")._replace(port=443), True),
    ):
        assert wants[0].is_wanted(found) is is_wanted


def test_an_order_of_a_url_of_an_address_finds_no_connection(place: Path, engine: Engine, wants: Wants) -> None:
    receipt = ordered(place, engine, ("192.0.2.80/page", "url"))

    assert receipt.cut is None
    assert wants == []


def test_only_parts_of_a_dump_with_one_of_few_hashes_are_parsed(place: Path, engine: Engine, wants: Wants) -> None:
    ordered(place, engine, ("bad.test", "subtree"))

    two = hashes_of(to_wire(b"bad.test"), label_key())[0]
    assert wants[0].may_be_in(b"x" + two.to_bytes(4, "little"))
    assert wants[0].may_be_in(b"\xff" * 4)
    assert not wants[0].may_be_in(bytes(1000))


def test_nothing_is_cut_before_every_worker_serves_the_change(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([None, "no space", "no space", None, None])

    async def refuse(*_: Any) -> dict[str, str | None]:
        return {"dns-0": next(refusals)}

    async def work(control: Control) -> list[int]:
        put(engine, "video")
        push(engine, "bad.test")
        found = []
        for change in (control.locks.policy_changed, control.publisher.names_changed) * 2:
            await change()
            found.append(len(wants))
        return found

    monkeypatch.setattr("filterd.control.publisher.tell_all", refuse)

    assert play(place, engine, work) == [0, 0, 2, 2]


def test_what_the_kernel_refuses_is_no_failure_of_the_change(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Cut:
        raise RuntimeError("conntrack: no")

    monkeypatch.setattr(LockKeeper, "end_connections", refuse)
    [receipt] = tap(place, engine, lambda: put(engine, "video"))

    assert wants == []
    assert receipt.cut is None


def test_names_that_changed_before_the_rules_were_in_force_are_cut_with_them(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(control: Control) -> None:
        set_means(monkeypatch, Means.NONE)
        push(engine, "bad.test")
        await control.publisher.names_changed()
        set_means(monkeypatch, Means.LABELS)
        await control.publisher.cut()

    play(place, engine, work)

    assert [wanted.is_wanted(connection("bad.test")) for wanted in wants] == [True]


ALWAYS = Schedule((Interval(0, 0, 10080, frozenset({"messaging"})),), "UTC")


def grant(engine: Engine, seconds: int) -> None:
    """Let line 7 have its hours opened from a minute ago on, for some seconds more."""
    now = datetime.now(UTC)
    span = Span(int(now.timestamp()) - 60, int(now.timestamp()) + seconds, "plus")
    with writing(engine) as conn:
        exceptions.add(conn, 7, span, By("x", ""), now)


def by_the_clock(place: Path, engine: Engine, *changes: Callable[[], object]) -> Cut | None:
    """What became of a cut by the clock after changes that were in force before control began."""
    for change in changes:
        change()

    async def work(control: Control) -> Cut | None:
        return control.cuts.of_hours(control.publisher.tables)

    return play(place, engine, work)


def test_soft_hours_that_begin_by_the_clock_end_all_but_what_they_leave_open_for_their_lines_alone(
    place: Path, engine: Engine, wants: Wants
) -> None:
    cut = by_the_clock(place, engine, lambda: put(engine, schedule=ALWAYS), lambda: put(engine, line=8))

    assert cut == Cut(ASKED, 1, 0)
    assert wants[0].is_wanted(connection("film.test", "video"))
    assert wants[0].is_wanted(connection("other.test"))
    assert not wants[0].is_wanted(connection("chat.test", "messaging", "social"))
    assert not wants[0].is_wanted(connection("film.test", "video", line=OTHER))
    assert not wants[0].is_wanted(connection("film.test")._replace(label=None))  # the help corridor's
    may_have = wants[0].may_have
    assert may_have is not None
    assert [may_have(bytes([192, 0, 2, last])) for last in (7, 8, 9)] == [True, False, False]


def test_a_grant_over_soft_hours_lets_what_runs_go_on(place: Path, engine: Engine, wants: Wants) -> None:
    by_the_clock(place, engine, lambda: put(engine, schedule=ALWAYS), lambda: grant(engine, 3600))

    assert not wants[0].is_wanted(connection("film.test", "video"))


@pytest.mark.parametrize(("means", "n_cuts"), [(Means.LINES, 1), (Means.NONE, 0)])
def test_without_labels_hours_that_begin_end_every_judged_connection_of_their_lines(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch, means: Means, n_cuts: int
) -> None:
    set_means(monkeypatch, means)
    by_the_clock(place, engine, lambda: put(engine, schedule=ALWAYS))

    judged = connection("chat.test")._replace(label=None)
    assert [each.is_wanted(judged) for each in wants] == [True] * n_cuts
    assert not any(each.is_wanted(judged._replace(addresses=(OTHER, SERVER))) for each in wants)


def set_clock_ahead(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=seconds)

    for module in ("control.locks", "control.cut", "control.lock_enforcer"):
        monkeypatch.setattr(f"filterd.{module}.datetime", Later)


def test_the_end_of_a_grant_over_soft_hours_is_cut_by_the_clock_twice_and_without_a_change(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(control: Control) -> list[int]:
        await control.locks.refresh()  # what began while control was down
        wants.clear()
        put(engine, schedule=ALWAYS)
        grant(engine, 3600)
        receipt = await control.locks.policy_changed()
        assert (receipt.cut, await control.locks.refresh() is not None) == (None, True)
        found = [len(wants)]
        for ahead_s in (3600, 3602, 3604):
            set_clock_ahead(monkeypatch, ahead_s)
            await control.locks.refresh()
            found.append(len(wants))
        return found

    assert play(place, engine, work) == [0, 1, 2, 2]
    assert wants[0].is_wanted(connection("film.test", "video"))
    assert not wants[0].is_wanted(connection("chat.test", "messaging"))


def test_a_cut_by_the_clock_that_the_kernel_refuses_is_made_by_the_next_look_that_it_does_not(
    place: Path, engine: Engine, wants: Wants, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Cut:
        raise RuntimeError("conntrack: no")

    async def work(control: Control) -> list[int]:
        await control.locks.refresh()  # what began while control was down
        put(engine, schedule=ALWAYS)
        grant(engine, 3600)
        await control.locks.policy_changed()
        await control.locks.refresh()
        wants.clear()
        found = []
        for ahead_s in (3600, 3602):
            set_clock_ahead(monkeypatch, ahead_s)
            with monkeypatch.context() as refusing:
                refusing.setattr(LockKeeper, "end_connections", refuse)
                with pytest.raises(RuntimeError, match="conntrack: no"):
                    await control.locks.refresh()
            assert control.locks.is_due_earlier
        for _ in range(2):
            await control.locks.refresh()
            found.append(len(wants))
        return found

    assert play(place, engine, work) == [1, 1]
