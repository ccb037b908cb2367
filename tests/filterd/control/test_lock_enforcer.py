import subprocess
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update
from support.system.namespace import a_network_of_its_own

from filterd.config import read_config
from filterd.control import lock_enforcer
from filterd.control.lock_enforcer import LockKeeper, has_work
from filterd.kernel.cut import Means
from filterd.kernel.firewall import Kernel
from filterd.kernel.intervals import Network
from filterd.kernel.nft_sets import MissingSets, OutOfStep
from filterd.kernel.prefix_columns import Columns, SpanColumns, networks_of, networks_of_spans
from filterd.kernel.ruleset import Rules, rules_of_config
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import delete_subscriber, pause, put_subscriber, resume
from parental.store.database import writing
from parental.store.schema.lines import lines, revisions

V4, V6 = IPv4Network("192.0.2.7/32"), IPv6Network("2001:db8:7::/56")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


class KernelLog:
    """Notes what it is told, in order, and holds what it was told; fails the next calls as `faults` says."""

    def __init__(self) -> None:
        self.has_labels = True
        self.said: list[tuple[object, ...]] = []
        self.faults: dict[str, list[Exception]] = {}
        self.locked: set[Network] = set()
        self.subscribers: set[Network] = set()
        self.suspects: set[Network] = set()
        self.corridor: set[Network] = set()

    def note(self, what: str, *told: set[Network]) -> None:
        self.said.append((what, *told))
        if self.faults.get(what):
            raise self.faults[what].pop()

    def apply(self, rules: Rules, locked: Columns) -> None:
        self.note("apply", set(rules.subscribers), set(networks_of(locked)))
        self.locked, self.subscribers = set(networks_of(locked)), set(rules.subscribers)

    def set_locked(self, locked: Columns) -> None:
        self.note("all locked", set(networks_of(locked)))
        self.locked = set(networks_of(locked))

    def set_locked_pools(self, spans: SpanColumns) -> None:
        pass

    def set_subscribers(self, spans: SpanColumns) -> None:
        self.note("all subscribers", set(networks_of_spans(spans)))
        self.subscribers = set(networks_of_spans(spans))

    def change_locked(self, added: Columns, removed: Columns) -> None:
        more, less = set(networks_of(added)), set(networks_of(removed))
        if added or removed or self.faults:
            self.note("locked", more, less)
        self.locked = self.locked - less | more

    def change_subscribers(self, spans: SpanColumns) -> None:
        now = set(networks_of_spans(spans))
        self.note("subscribers", now - self.subscribers, self.subscribers - now)
        self.subscribers = now

    def set_suspects(self, prefixes: Iterable[Network]) -> None:
        self.note("all suspects", set(prefixes))
        self.suspects = set(prefixes)

    def set_corridor(self, prefixes: Iterable[Network]) -> None:
        self.corridor = set(prefixes)

    def change_corridor(self, added: set[Network], removed: set[Network]) -> None:
        self.note("corridor", set(added), set(removed))
        self.corridor = self.corridor - removed | added

    def change_suspects(self, added: set[Network], removed: set[Network]) -> None:
        self.note("suspects", set(added), set(removed))
        self.suspects = self.suspects - removed | added

    def n_unjudged(self) -> int:
        return 14

    def cut(self, prefixes: Columns) -> int:
        self.note("cut", set(networks_of(prefixes)))
        return 3


@pytest.fixture
def kernel() -> KernelLog:
    return KernelLog()


@pytest.fixture
def keeper(engine: Engine, kernel: KernelLog) -> LockKeeper:
    return LockKeeper(engine, kernel)  # type: ignore[arg-type]  # it stands for the kernel


NO_SCHEDULE = Schedule()


def put(
    engine: Engine, schedule: Schedule = NO_SCHEDULE, number: int = 7, prefixes: tuple[Network, ...] = (V4, V6)
) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(number, "home", prefixes, Profile(schedule=schedule)))


def tap(engine: Engine, change: Callable[..., None], *arguments: datetime | None, number: int = 7) -> None:
    with writing(engine) as conn:
        change(conn, number, *arguments)


def test_a_pause_locks_both_families_and_then_cuts_their_connections(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine)
    keeper.refresh(NOW)
    kernel.said.clear()
    tap(engine, pause, None)

    done = keeper.refresh(NOW)

    assert kernel.said == [("locked", {V4, V6}, set()), ("cut", {V4, V6})]
    assert done.n_cut == 3


def test_what_is_locked_already_is_not_cut_again(engine: Engine, kernel: KernelLog, keeper: LockKeeper) -> None:
    put(engine)
    tap(engine, pause, None)
    keeper.refresh(NOW)
    kernel.said.clear()

    assert keeper.refresh(NOW).n_cut is None
    assert kernel.said == []


def test_a_resume_unlocks_and_cuts_nothing(engine: Engine, kernel: KernelLog, keeper: LockKeeper) -> None:
    put(engine)
    tap(engine, pause, None)
    keeper.refresh(NOW)
    kernel.said.clear()
    tap(engine, resume)

    assert keeper.refresh(NOW).n_cut is None
    assert kernel.said == [("locked", set(), {V4, V6})]


def test_a_schedule_says_when_to_look_again_and_locks_by_then(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    wednesday_five_past_five = Schedule((Interval(2, 17 * 60 + 5, 60),), "Asia/Karachi")
    put(engine, wednesday_five_past_five)

    done = keeper.refresh(NOW)
    assert done.next_change is not None
    keeper.refresh(done.next_change)

    assert done.next_change == NOW + timedelta(minutes=5)
    assert ("cut", {V4, V6}) in kernel.said
    assert keeper.end_of_lock(7, done.next_change) == done.next_change + timedelta(hours=1)


def test_whose_dns_is_redirected_follows_the_subscribers(engine: Engine, kernel: KernelLog, keeper: LockKeeper) -> None:
    put(engine)
    keeper.refresh(NOW)
    tap(engine, delete_subscriber)
    keeper.refresh(NOW)

    assert kernel.said == [("subscribers", {V4, V6}, set()), ("subscribers", set(), {V4, V6})]


def test_a_line_inside_the_prefixes_of_the_configuration_takes_none_of_them_with_it(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    keeper.install(Rules(subscribers=(V4,)), NOW)
    put(engine)
    keeper.refresh(NOW)
    tap(engine, delete_subscriber)
    keeper.refresh(NOW)

    assert kernel.subscribers == {V4}
    assert kernel.said == [("apply", {V4}, set()), ("subscribers", {V6}, set()), ("subscribers", set(), {V6})]


def test_at_the_start_the_rules_come_with_what_is_locked_and_it_is_cut_again(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine)
    tap(engine, pause, None)

    keeper.install(Rules(), NOW)

    assert kernel.said == [("apply", {V4, V6}, {V4, V6}), ("cut", {V4, V6})]
    assert keeper.refresh(NOW).n_cut is None


def test_a_prefix_that_goes_from_one_locked_line_to_another_stays_locked(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine)
    put(engine, number=8, prefixes=())
    for number in (7, 8):
        tap(engine, pause, None, number=number)
    keeper.refresh(NOW)
    kernel.said.clear()
    put(engine, prefixes=(V4,))
    put(engine, number=8, prefixes=(V6,))
    for number in (7, 8):
        tap(engine, pause, None, number=number)

    keeper.refresh(NOW)

    assert kernel.said == []
    assert kernel.locked == kernel.subscribers == {V4, V6}


def test_a_locked_line_that_is_deleted_is_locked_no_more(engine: Engine, kernel: KernelLog, keeper: LockKeeper) -> None:
    put(engine)
    tap(engine, pause, None)
    keeper.refresh(NOW)
    tap(engine, delete_subscriber)

    keeper.refresh(NOW)

    assert kernel.locked == kernel.subscribers == set()


def test_where_the_sets_may_hold_something_else_they_are_replaced(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine)
    tap(engine, pause, None)
    kernel.faults["locked"] = [OutOfStep("somebody else")]

    assert keeper.refresh(NOW).n_cut == 3
    assert kernel.said == [
        ("locked", {V4, V6}, set()),
        ("all locked", {V4, V6}),
        ("all subscribers", {V4, V6}),
        ("cut", {V4, V6}),
    ]


def test_rules_that_somebody_has_flushed_are_put_in_force_again_and_all_are_cut_again(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    put(engine)
    tap(engine, pause, None)
    keeper.install(Rules(dns_port=5300), NOW)
    kernel.said.clear()
    kernel.faults = {"locked": [OutOfStep("somebody else")], "all locked": [MissingSets("nft: gone")]}

    assert keeper.refresh(NOW).n_cut == 3
    assert kernel.said == [
        ("locked", set(), set()),
        ("all locked", {V4, V6}),
        ("apply", {V4, V6}, {V4, V6}),
        ("cut", {V4, V6}),
    ]
    assert "nft: gone; the rules are applied again now" in caplog.text


def test_what_the_kernel_refuses_is_tried_again(engine: Engine, kernel: KernelLog, keeper: LockKeeper) -> None:
    put(engine)
    tap(engine, pause, None)
    kernel.faults = {"locked": [RuntimeError("no memory")], "cut": [RuntimeError("no memory")]}

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no memory"):
            keeper.refresh(NOW)
    assert keeper.refresh(NOW).n_cut == 3
    assert kernel.locked == {V4, V6}
    assert keeper.refresh(NOW).n_cut is None


def test_a_database_that_was_put_back_from_a_copy_is_read_from_the_beginning(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine)
    put(engine, number=8, prefixes=(IPv4Network("192.0.2.8"),))
    tap(engine, pause, None)
    keeper.refresh(NOW)
    with writing(engine) as conn:  # as if the line and its pause had never been
        conn.execute(delete(lines).where(lines.c.id == 7))
        conn.execute(update(revisions).values(value=1))

    keeper.refresh(NOW)

    assert kernel.locked == set()
    assert kernel.subscribers == {IPv4Network("192.0.2.8")}


VPN, TOR = IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8:bad::1/128")


def test_suspects_that_come_before_the_rules_come_with_them_and_later_ones_as_changes(
    kernel: KernelLog, keeper: LockKeeper
) -> None:
    keeper.suspect(frozenset({VPN}))
    assert kernel.said == []
    keeper.install(Rules(n_queues=1), NOW)
    assert kernel.suspects == {VPN}
    keeper.suspect(frozenset({TOR}))
    assert kernel.said[-1] == ("suspects", {TOR}, {VPN})
    kernel.said.clear()
    keeper.refresh(NOW)
    assert kernel.said == []


@pytest.mark.parametrize("fault", [OutOfStep("changed"), MissingSets("gone")])
def test_suspects_are_put_back_where_somebody_else_has_changed_the_rules(
    kernel: KernelLog, keeper: LockKeeper, fault: OutOfStep | MissingSets
) -> None:
    keeper.install(Rules(n_queues=1), NOW)
    keeper.suspect(frozenset({VPN}))
    kernel.suspects = set()
    kernel.faults = {"locked": [OutOfStep("changed")], "all locked": [fault] if isinstance(fault, MissingSets) else []}

    keeper.refresh(NOW)

    assert kernel.suspects == {VPN}


def test_suspects_that_the_kernel_refuses_are_tried_again(kernel: KernelLog, keeper: LockKeeper) -> None:
    keeper.install(Rules(n_queues=1), NOW)
    kernel.faults = {"suspects": [RuntimeError("no memory")]}
    with pytest.raises(RuntimeError, match="no memory"):
        keeper.suspect(frozenset({VPN}))
    keeper.refresh(NOW)

    assert kernel.suspects == {VPN}


def test_without_a_gate_nobody_is_suspected(kernel: KernelLog, keeper: LockKeeper) -> None:
    keeper.install(Rules(dns_port=53), NOW)
    keeper.suspect(frozenset({VPN}))

    assert [what for what, *_ in kernel.said] == ["apply"]


def test_a_box_without_work_in_the_kernel_keeps_its_locks_all_the_same(engine: Engine) -> None:
    keeper = LockKeeper(engine, None)
    put(engine)
    tap(engine, pause, NOW + timedelta(minutes=30))

    assert keeper.refresh(NOW).next_change == NOW + timedelta(minutes=30)
    assert keeper.end_of_lock(7, NOW) == NOW + timedelta(minutes=30)
    assert keeper.end_of_lock(8, NOW) is None


def test_a_box_that_only_answers_dns_leaves_the_kernel_alone(tmp_path: Path) -> None:
    only_dns = b"dns: {upstreams: ['192.0.2.53:53'], redirect_foreign: false}\ngate: {workers: 0}\n"
    redirecting = b"dns: {upstreams: ['192.0.2.53:53']}\ngate: {workers: 0}\n"

    assert not has_work(rules_of_config(read_config(only_dns, "x", tmp_path)))
    assert has_work(rules_of_config(read_config(redirecting, "x", tmp_path)))


def nft(*arguments: str) -> str:
    return subprocess.run(("nft", *arguments), check=True, capture_output=True, text=True).stdout


def is_held(name: str, prefix: str) -> bool:
    """Whether a set of the kernel's holds it."""
    found = subprocess.run(("nft", "get", "element", "inet", "filterd", name, f"{{ {prefix} }}"), capture_output=True)
    return found.returncode == 0


@pytest.mark.kernel
def test_in_a_real_kernel_locks_are_back_after_somebody_has_flushed_all_rules(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    put(engine)
    put(engine, number=8, prefixes=(IPv4Network("198.51.100.0/28"),))
    tap(engine, pause, None)
    with a_network_of_its_own() as call, closing(Kernel()) as kernel:
        keeper = LockKeeper(engine, kernel)
        call(keeper.install, Rules(ports=(443,), n_queues=1, dns_port=5300), NOW)
        assert call(is_held, "locked4_32", "192.0.2.7")
        assert call(is_held, "locked6_56", "2001:db8:7::")
        assert call(is_held, "subscribers4", "198.51.100.0/28")
        before = call(nft, "list", "ruleset")
        call(keeper.refresh, NOW)
        assert call(nft, "list", "ruleset") == before

        call(nft, "flush", "ruleset")
        call(keeper.refresh, NOW)

        assert call(nft, "list", "table", "inet", "filterd") in before
        assert "queue num 0 bypass" in call(nft, "list", "chain", "inet", "filterd", "queueing")
        assert "table inet filterd is missing" in caplog.text
        tap(engine, pause, None, number=8)
        tap(engine, resume)
        call(keeper.refresh, NOW)
        assert call(is_held, "locked4", "198.51.100.0/28")
        assert not call(is_held, "locked4_32", "192.0.2.7")
        assert call(nft, "list", "set", "inet", "filterd", "locked6_56").count("2001") == 0


@pytest.mark.kernel
def test_in_a_real_kernel_what_somebody_else_has_locked_is_unlocked_at_the_next_look(engine: Engine) -> None:
    put(engine)
    tap(engine, pause, None)
    with a_network_of_its_own() as call, closing(Kernel()) as kernel:
        keeper = LockKeeper(engine, kernel)
        call(keeper.install, Rules(dns_port=5300), NOW)
        call(nft, "add", "element", "inet", "filterd", "locked4", "{ 203.0.113.0/24 }")
        call(nft, "delete", "element", "inet", "filterd", "locked4_32", "{ 192.0.2.7 }")

        call(keeper.refresh, NOW)

        assert not call(is_held, "locked4", "203.0.113.0/24")
        assert call(is_held, "locked4_32", "192.0.2.7")


@pytest.mark.parametrize(("rules", "n"), [(Rules(n_queues=1), 14), (Rules(), None)], ids=["a gate", "none"])
def test_what_passed_unjudged_is_known_where_there_is_a_gate(keeper: LockKeeper, rules: Rules, n: int | None) -> None:
    keeper.install(rules, NOW)

    assert keeper.n_unjudged() == n


HELP, SHELTER = IPv4Network("192.0.2.40/32"), IPv6Network("2001:db8::40/128")


def test_the_corridor_that_comes_before_the_rules_comes_with_them_and_a_later_one_as_a_change(
    kernel: KernelLog, keeper: LockKeeper
) -> None:
    keeper.open_corridor(frozenset({HELP}))
    assert kernel.said == []
    keeper.install(Rules(), NOW)
    assert kernel.corridor == {HELP}

    keeper.open_corridor(frozenset({SHELTER}))

    assert kernel.said[-1] == ("corridor", {SHELTER}, {HELP})
    keeper.refresh(NOW)
    assert kernel.said[-1] == ("corridor", {SHELTER}, {HELP})


def test_the_corridor_is_put_back_where_somebody_else_has_changed_the_rules(
    kernel: KernelLog, keeper: LockKeeper
) -> None:
    keeper.install(Rules(), NOW)
    keeper.open_corridor(frozenset({HELP}))
    kernel.corridor = set()
    kernel.faults = {"locked": [OutOfStep("changed")]}

    keeper.refresh(NOW)

    assert kernel.corridor == {HELP}


def test_a_line_stays_locked_in_the_kernel_while_a_clock_that_was_set_back_is_doubted(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine, Schedule((Interval(NOW.weekday(), 13 * 60, 60),), "UTC"))
    keeper.install(Rules(), NOW + timedelta(hours=1))
    assert kernel.locked == {V4, V6}

    keeper.behind_s = 3600
    keeper.refresh(NOW)
    assert kernel.locked == {V4, V6}
    keeper.behind_s = 0
    keeper.refresh(NOW)

    assert kernel.locked == set()


def test_soft_hours_that_begin_by_the_clock_are_told_once_and_lock_nothing(
    engine: Engine, kernel: KernelLog, keeper: LockKeeper
) -> None:
    put(engine, Schedule((Interval(NOW.weekday(), 13 * 60, 60, frozenset({"education"})),), "UTC"))
    keeper.install(Rules(), NOW)
    assert (keeper.refresh(NOW).next_change, keeper.take_tightened()) == (NOW + timedelta(hours=1), False)

    keeper.refresh(NOW + timedelta(hours=1))

    assert (keeper.take_tightened(), keeper.take_tightened(), kernel.locked) == (True, False, set())


@pytest.mark.parametrize(("picks_up", "means"), [(True, Means.LABELS), (False, Means.QUIC)])
def test_half_connections_have_labels_where_the_kernel_picks_them_up(
    keeper: LockKeeper, monkeypatch: pytest.MonkeyPatch, picks_up: bool, means: Means
) -> None:
    monkeypatch.setattr(lock_enforcer, "picks_up", lambda: picks_up)
    keeper.install(Rules(n_queues=1, is_asymmetric=True), NOW)

    assert keeper.means is means
