"""filterd's own JSON, `cf-list/1`, as a full list; rules.lists.compiler.export writes it.

    {"format": "cf-list/1", "list_id": "pta-decency", "serial": 2026080401, "mode": "full",
     "order": {"ref": "PTA/WA/123/2026"},
     "add": [{"value": "bad.example", "kind": "domain", "scope": "subtree"},
             {"value": "video.example/watch?v=1", "kind": "url", "scope": "exact", "order_ref": "PTA/WA/124/2026"}]}

kind      domain, host, url; ip, cidr: an address, a prefix, see rules.base.prefixes
scope     exact; subtree; below.  Left out: subtree for a domain, exact for a host and a URL, for an address or a prefix
          what rules.base.prefixes says.  Not exact for a prefix, not below for an address: no address would meet it
action, order_ref, data (records of local-data, in hex), expires_at    may be left out

Invariants: what the file says goes before what the source says; a delta is refused, it belongs to the push API.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import network_of
from rules.base.errors import BadName
from rules.base.local_data import are_records
from rules.base.prefixes import read_prefixes, wires_of
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.addresses import rule_of_value
from rules.formats.elements import Elements, Place, parse_time, skipped_at

FORMAT = "cf-list/1"
# shadow is a whole list's: anyone who reads the configuration must see what is not enforced
ACTIONS: dict[str, Action] = {
    a.name.lower().replace("_", "-"): a for a in Action if a not in (Action.NO_ACTION, Action.SHADOW)
}
SCOPES: dict[str, Mode] = {mode.name.lower(): mode for mode in Mode}
ADDRESS_KINDS = frozenset({"ip", "cidr"})
KIND_SCOPES = {"domain": "subtree", "host": "exact", "url": "exact"}

NO_VALUE = "the entry has no value"
BAD_KIND = "the entry's kind is not domain, host, url, ip or cidr"
BAD_SCOPE = "the entry's scope is unknown, or does not apply to a URL"
SCOPE_OF_NOTHING = "no address meets the entry's scope: leave it out, or write subtree"
BAD_ACTION = "the entry's action is unknown"
BAD_DATA = "the entry's data is not a record in hex, or its action is not local-data"
BAD_TIME = "the entry's expires_at is not a time"
BAD_REF = "the entry's order_ref is not text"
KIND_IS_NAME = "the entry's kind is a name, but its value is a URL with a path: not widened"
IS_EXPIRED = "the entry has expired"
REMOVES_NOTHING = "the entry would be removed: a full list has nothing to remove from"

_T = TypeVar("_T")


def iter_rules(
    lines: Iterable[bytes], default_mode: Mode, clock: Callable[[], float] = time.time
) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read a full list, lazily.   Raises BadList for a file of another kind.   Cost: some 10 µs an entry."""
    del default_mode  # the file says it
    text = Elements(lines)
    now = datetime.fromtimestamp(clock(), UTC)
    is_ours, order_ref, n_entries = False, None, 0
    for key in text.members():
        if key == "format":
            is_ours = _read_format(text)
        elif key == "mode":
            _refuse_delta(text)
        elif key == "order":
            if n_entries:
                text.refuse("an order after its entries", "write it before them")
            order_ref = _read_order(text)
        elif key == "add":
            for place in text.elements():
                n_entries += 1
                yield from _read_entry(text.value(), place, order_ref, now)
        elif key == "remove":
            for place in text.elements():
                yield skipped_at(place, _shown(text.value()), REMOVES_NOTHING)
    text.end()
    if not is_ours:
        text.refuse(f"no format {FORMAT!r}")


def _read_format(text: Elements) -> bool:
    found = text.value()
    if found != FORMAT:
        text.refuse(f"a format other than {FORMAT!r}")
    return True


def _refuse_delta(text: Elements) -> None:
    if text.value() != "full":
        text.refuse("a delta, which is not a whole list", "push it to the API, or write a full list")


def _read_order(text: Elements) -> str | None:
    order = text.value()
    ref = order.get("ref") if isinstance(order, dict) else None
    if ref is not None and not isinstance(ref, str):
        text.refuse("an order whose ref is not text")
    return ref or None


def _read_entry(
    entry: Any, place: Place, order_ref: str | None, now: datetime
) -> Iterable[Rule | UrlRule | SkippedLine]:
    if not isinstance(entry, dict) or not isinstance(entry.get("value"), str):
        return [skipped_at(place, entry, NO_VALUE)]
    try:
        kind = entry.get("kind", "domain")
        if not isinstance(kind, str) or kind not in KIND_SCOPES.keys() | ADDRESS_KINDS:
            raise BadName(BAD_KIND)
        _refuse_expired(entry, now)
        if kind in ADDRESS_KINDS:
            return _rules_of_addresses(entry, place, order_ref)
        return [_rule_of(entry, kind, place, order_ref)]
    except BadName as exc:
        ref = entry.get("order_ref", order_ref)
        item = skipped_at(place, entry["value"], exc.reason)
        return [item._replace(order_ref=ref if isinstance(ref, str) else None)]


def _rules_of_addresses(entry: dict[str, Any], place: Place, order_ref: str | None) -> list[Rule]:
    action, ref, data = _said_of(entry, order_ref)
    scope = _one_of(entry["scope"], SCOPES, BAD_SCOPE) if "scope" in entry else None
    return [
        Rule(wire, mode if scope is None else _checked(scope, wire), action, place.line, ref, data)
        for network in read_prefixes(entry["value"])
        for wire, mode in wires_of(network)
    ]


def _checked(scope: Mode, wire: bytes) -> Mode:
    """A scope that addresses can meet: none is a prefix's own name, and none lies below an address."""
    network = network_of(wire)
    is_one_address = network is not None and network.num_addresses == 1
    if scope is (Mode.BELOW if is_one_address else Mode.EXACT):
        raise BadName(SCOPE_OF_NOTHING)
    return scope


def _said_of(entry: dict[str, Any], order_ref: str | None) -> tuple[Action, str | None, bytes]:
    """Action, order's letter and local data of an entry."""
    action = _one_of(entry["action"], ACTIONS, BAD_ACTION) if "action" in entry else Action.NO_ACTION
    ref = entry.get("order_ref", order_ref)
    if ref is not None and not isinstance(ref, str):
        raise BadName(BAD_REF)
    return action, ref, _data_of(entry, action)


def _rule_of(entry: dict[str, Any], kind: str, place: Place, order_ref: str | None) -> Rule | UrlRule:
    mode = _one_of(entry.get("scope", KIND_SCOPES[kind]), SCOPES, BAD_SCOPE)
    action, ref, data = _said_of(entry, order_ref)
    rule = rule_of_value(entry["value"], mode, mode, place.line, ref)
    if isinstance(rule, Rule):
        return rule._replace(action=action, data=data)
    if kind != "url":
        raise BadName(KIND_IS_NAME)
    if mode is Mode.BELOW:
        raise BadName(BAD_SCOPE)
    if data:
        raise BadName(BAD_DATA)
    return rule._replace(action=action)


def _refuse_expired(entry: dict[str, Any], now: datetime) -> None:
    end = entry.get("expires_at")
    try:
        if end is not None and parse_time(end) <= now:
            raise BadName(IS_EXPIRED)
    except TypeError:
        raise BadName(BAD_TIME) from None
    except ValueError as exc:
        raise exc if isinstance(exc, BadName) else BadName(BAD_TIME) from None


def _data_of(entry: dict[str, Any], action: Action) -> bytes:
    said = entry.get("data", "")
    try:
        data = bytes.fromhex(said)
    except (TypeError, ValueError):
        raise BadName(BAD_DATA) from None
    if data and (action is not Action.LOCAL_DATA or not are_records(data)):
        raise BadName(BAD_DATA)
    return data


def _one_of(said: Any, known: dict[str, _T], reason: str) -> _T:
    found = known.get(said) if isinstance(said, str) else None
    if found is None:
        raise BadName(reason)
    return found


def _shown(entry: Any) -> object:
    return entry.get("value", entry) if isinstance(entry, dict) else entry
