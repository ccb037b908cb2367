"""An answer is refused, blocked as one of its targets is, or leads to no order and, unless allowed, to no block."""

import struct

from fuzz import served

from fastpath.dns.inspection import inspect
from fastpath.dns.records import RecordView, name_at, records
from fastpath.images.decision import Decision
from fastpath.images.verdict import Action, Tier
from fastpath.wire.address import wire_of_address

A, CNAME, AAAA, DNAME, SERVICES = 1, 5, 28, 39, (64, 65)
IN, IPV4HINT, IPV6HINT = 1, 4, 6
ROOT = b"\0"
CLIENTS = (served.PARENT, served.CHILD, served.NOBODY)


def check(data: bytes) -> None:
    for client in CLIENTS:
        try:
            culprit, decision = inspect(served.TABLES, data, client, served.NOW_S)
            targets, owners = _targets(data), _owners(data)
        except ValueError:  # inspect() reads the owners of a chain alone, _targets() all of them
            continue
        decided = {name: _decide(name, client) for name in targets}
        if culprit is not None:
            assert culprit in targets | owners
            assert decision == _decide(culprit, client) and decision.action is not Action.PASSTHRU
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
    """Of the sections answer and authority; the other one, which no client gets, may be unreadable."""
    return {target for record in _delivered(data) for target in _targets_of(data, record)} - {ROOT}


def _owners(data: bytes) -> set[bytes]:
    """Of the same records: off the chain they are judged, too."""
    return {record.owner for record in _delivered(data)}


def _delivered(data: bytes) -> list[RecordView]:
    return records(data[:10] + bytes(2) + data[12:])


def _targets_of(data: bytes, record: RecordView) -> list[bytes]:
    if record.kind in (CNAME, DNAME):
        return [name_at(data, record.data_at)[0]]
    if record.kind in SERVICES:
        name, after = name_at(data, record.data_at + 2)
        return [name, *(_hints(data[after : record.data_at + len(record.data)]) if record.class_ == IN else ())]
    return [wire_of_address(record.data)] if record.kind in (A, AAAA) and record.class_ == IN else []


def _hints(parameters: bytes) -> list[bytes]:
    found = []
    while parameters:
        key, n = struct.unpack_from("!HH", parameters)
        size = {IPV4HINT: 4, IPV6HINT: 16}.get(key, 0)
        found += [wire_of_address(parameters[4 + at : 4 + at + size]) for at in range(0, n, size)] if size else []
        parameters = parameters[4 + n :]
    return found
