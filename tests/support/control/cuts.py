"""Cuts of a control role that a test plays: connections, and what is wanted of them."""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import Engine

from fastpath.gate.labels import hashes_of
from fastpath.gate.marks import FlowState
from fastpath.images.image_key import label_key
from fastpath.wire.name import to_wire
from filterd.control.lock_enforcer import LockKeeper
from filterd.kernel.cut import Connection, CutSelector, Label, Means
from mgmt.contract.control import Cut
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import put_subscriber
from parental.store.database import writing
from rules.base.category import NUMBERS

LINE, OTHER, SERVER = "192.0.2.7", "192.0.2.8", "198.51.100.1"
ASKED = datetime(2026, 11, 27, tzinfo=UTC)
Wants = list[CutSelector]


def noted_cuts(monkeypatch: pytest.MonkeyPatch) -> Wants:
    """What was to be ended, cut by cut."""
    found: Wants = []

    def end(_: LockKeeper, wanted: CutSelector) -> Cut:
        found.append(wanted)
        return Cut(ASKED, 1, 0)

    async def acknowledge(*_: Any) -> dict[str, None]:
        return {"dns-0": None}

    monkeypatch.setattr(LockKeeper, "end_connections", end)
    monkeypatch.setattr("filterd.control.publisher.tell_all", acknowledge)
    set_means(monkeypatch, Means.LABELS)
    return found


def set_means(monkeypatch: pytest.MonkeyPatch, means: Means) -> None:
    monkeypatch.setattr(LockKeeper, "means", property(lambda _: means))


def put(engine: Engine, *categories: str, line: int = 7, **more: Any) -> None:
    """more   of a Profile"""
    prefixes = (ip_network(f"192.0.2.{line}/32"),)
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(line, "home", prefixes, Profile(frozenset(categories), **more)))


def connection(name: str, *categories: str, line: str = LINE, is_udp: bool = False) -> Connection:
    """One that the gate has allowed."""
    numbers = bytes(NUMBERS[each] + 1 for each in categories).ljust(8, b"\0")
    label = Label(*hashes_of(to_wire(name.encode()), label_key()), numbers)
    return Connection((line, SERVER), is_udp, FlowState.RELEASED, label)
