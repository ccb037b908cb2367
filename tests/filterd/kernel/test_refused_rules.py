"""Rules that the kernel refuses while others are in force: these stay, or come back."""

from datetime import UTC, datetime
from ipaddress import IPv4Network
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine

from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.ruleset import Rules
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber
from parental.store.database import writing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINE = IPv4Network("192.0.2.7/32")


@pytest.mark.parametrize("where", ["apply", "set_suspects", "cut"])
def test_instead_of_rules_that_the_kernel_refuses_those_before_are_applied_again(where: str, engine: Engine) -> None:
    old, new = IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24")
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (LINE,), Profile()))
        pause(conn, 7, None)
    kernel = Mock(cut=Mock(return_value=3))
    keeper = LockKeeper(engine, kernel)
    keeper.install(Rules(n_queues=1, subscribers=(old,)), NOW)

    getattr(kernel, where).side_effect = RuntimeError("busy")
    with pytest.raises(RuntimeError, match="busy"):
        keeper.install(Rules(n_queues=1, subscribers=(new,)), NOW)
    getattr(kernel, where).side_effect = None
    keeper.refresh(NOW)
    keeper.refresh(NOW)

    applied = [set(call.args[0].subscribers) for call in kernel.apply.call_args_list]
    assert applied == [{old, LINE}, {new, LINE}, {old, LINE}]
