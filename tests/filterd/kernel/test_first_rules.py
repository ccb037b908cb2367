"""Rules at a start, before locks are known, and locks of which a part cannot be read."""

import subprocess
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import IPv4Network
from unittest.mock import Mock, call

import pytest
from sqlalchemy import Connection, Engine
from support.system.namespace import a_network_of_its_own

from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.firewall import Kernel
from filterd.kernel.intervals import Network
from filterd.kernel.prefix_columns import Columns, networks_of
from filterd.kernel.ruleset import Rules
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber, resume
from parental.store.database import writing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINE, TOR, VPN = (IPv4Network(each) for each in ("192.0.2.7/32", "203.0.113.9/32", "203.0.113.8/32"))


@pytest.fixture
def paused(engine: Engine) -> Engine:
    """The database, with one line that is paused."""
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (LINE,), Profile()))
        pause(conn, 7, None)
    return engine


def locked_of(columns: Columns) -> set[Network]:
    return set(networks_of(columns))


def test_before_the_locks_are_known_suspects_are_set_and_the_locks_of_before_are_left_alone(paused: Engine) -> None:
    kernel, rules = Mock(cut=Mock(return_value=0)), Rules(n_queues=1)
    keeper = LockKeeper(paused, kernel)
    keeper.suspect({TOR})
    assert kernel.mock_calls == []
    keeper.stand_on(rules)

    keeper.suspect({VPN})

    assert kernel.mock_calls == [call.set_suspects({VPN})]
    keeper.install(rules, NOW)
    assert locked_of(kernel.apply.call_args.args[1]) == {LINE}
    assert kernel.set_suspects.call_args == call({VPN})


def test_sessions_that_cannot_be_read_keep_no_lock_of_a_line_away_and_are_read_once_they_can_be(
    paused: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, fault, numbers = Mock(cut=Mock(return_value=0)), ValueError("prefixes: one occurs twice"), list[object]()
    keeper = LockKeeper(paused, kernel)

    def read(_: Connection, which: object, moved: object = ()) -> None:
        numbers.append(which)
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(keeper.sessions, "read", read)
        keeper.install(Rules(), NOW)
        assert (locked_of(kernel.apply.call_args.args[1]), keeper.unread) == ({LINE}, fault)
        with writing(paused) as conn:
            resume(conn, 7)
        keeper.refresh(NOW)
        assert (locked_of(kernel.change_locked.call_args.args[1]), keeper.unread) == ({LINE}, fault)
    kernel.reset_mock()

    keeper.refresh(NOW)

    assert numbers == [None, None] and keeper.unread is None
    assert kernel.set_locked.call_args == call({}), "what its sets hold was not known"


def nft(*arguments: str) -> str:
    return subprocess.run(("nft", *arguments), check=True, capture_output=True, text=True).stdout


@pytest.mark.kernel
def test_in_a_real_kernel_a_start_adds_rules_where_there_are_none_and_leaves_those_that_hold_locks(
    paused: Engine,
) -> None:
    rules = Rules(ports=(443,), n_queues=1, dns_port=5300)
    with a_network_of_its_own() as there, closing(Kernel()) as kernel, closing(Kernel()) as next_start:
        assert there(kernel.begin, rules), "a box that boots"
        assert "queue num 0 bypass" in there(nft, "list", "chain", "inet", "filterd", "queueing")
        there(LockKeeper(paused, kernel).install, rules, NOW)
        before = there(nft, "list", "ruleset")

        assert not there(next_start.begin, rules), "control alone that is started again"
        assert there(nft, "list", "ruleset") == before and "192.0.2.7" in before

        there(next_start.keep_gate)
        assert "redirect" not in there(nft, "list", "ruleset")
        assert there(next_start.begin, rules), "a start after a stop that left the gate's rules"
        assert "redirect" in there(nft, "list", "ruleset")
