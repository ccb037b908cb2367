"""An answer is refused, blocked as one of its targets is, or leads to no order and, unless allowed, to no block."""

from fuzz import served

from fastpath.decision import Decision
from fastpath.inspecting import inspect
from fastpath.records import RecordView, name_at, records
from fastpath.verdict import Action, Tier

CNAME, DNAME, SERVICES = 5, 39, (64, 65)
ROOT = b"\0"
CLIENTS = (served.PARENT, served.CHILD, served.NOBODY)


def check(data: bytes) -> None:
    for client in CLIENTS:
        try:
            culprit, decision = inspect(served.TABLES, data, client, served.NOW_S)
            targets = _targets(data)
        except ValueError:  # inspect() reads the owners of a chain alone, _targets() all of them
            continue
        decided = {name: _decide(name, client) for name in targets}
        if culprit is not None:
            assert decision == decided[culprit] and decision.action is not Action.PASSTHRU
            assert decision.tier <= min((found.tier for found in decided.values() if _is_always(found)), default=11)
            continue
        assert decision.action is Action.PASSTHRU
        blocked = [found for found in decided.values() if found.action is not Action.PASSTHRU]
        assert not any(_is_always(found) for found in blocked)
        asked = _decide(name_at(data, 12)[0], client)
        names = [*decided.values(), asked]
        assert not blocked or any(found.action in (Action.PASSTHRU, Action.TCP_ONLY) and found.list for found in names)


def _is_always(decision: Decision) -> bool:
    """Whether no allow opens it."""
    return decision.action is not Action.PASSTHRU and decision.tier <= Tier.ORDER


def _decide(name: bytes, client: str) -> Decision:
    return served.TABLES.decide(name, client, served.NOW_S)


def _targets(data: bytes) -> set[bytes]:
    """Of the answer section; the others may be unreadable."""
    found = records(data[:8] + bytes(4) + data[12:])
    return {_target(data, record) for record in found} - {ROOT}


def _target(data: bytes, record: RecordView) -> bytes:
    if record.kind in (CNAME, DNAME):
        return name_at(data, record.data_at)[0]
    return name_at(data, record.data_at + 2)[0] if record.kind in SERVICES else ROOT
