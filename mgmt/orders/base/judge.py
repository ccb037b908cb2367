"""The rules for an order: its body is read, and each entry is judged before anything is stored.

Invariants: an entry is never widened (a URL with a path is not turned into its host) and never dropped; the status says
what is done with it (a URL is enforced where paths are seen, which is HTTP only).
Source: semantics §2, §6.3 (the statuses).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from mgmt.contract.decoder import decode
from mgmt.contract.fields import unfit
from mgmt.orders.base.deadline_rules import LATEST_DEADLINE
from mgmt.orders.base.model import SCOPES, Entry, EntryMode, EntryStatus, Order
from mgmt.orders.base.pushed import PushedOrder
from mgmt.orders.base.sealed import ORDINARY, refuse_sealed
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadName
from rules.base.prefixes import NOT_PUBLIC, Network, is_public_network, read_prefixes
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX, public_suffixes
from rules.base.rule import Rule, UrlRule
from rules.base.urls import read_url
from rules.formats.addresses import clean, rule_of_cell
from rules.lists.compiler.enforceability import enforceability_of
from rules.lists.source import Source

_NO_NAMES = ProtectedNames()
_TWICE = "stands in this order already"
_NO_GATE = "is a URL, and this box has no gate that inspects paths"
_NO_GATE_FOR_ADDRESSES = "is an address, and this box has no gate that closes addresses"
_NO_ADDRESS = "is an address with a port, or not in full: write the whole address, a prefix or a URL"
_NO_FILTER = "this box has neither a DNS front nor a gate in the way of traffic"
# An address or a prefix, and no URL: `192.0.2.7/24` is one with bits set after its length.
_ADDRESS = re.compile(
    r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:/[0-9]{1,3})?|\[?[0-9a-f.]*:[0-9a-f:.]*:[0-9a-f:.]*\]?(?:/[0-9]{1,3})?",
    re.IGNORECASE,
)
_MODES = {str(scope): Source("orders", None, match=scope).bare_mode for scope in SCOPES}


def parse_order(body: bytes) -> Order:
    """Read a pushed order.   Raises NotJson, BadRequest with the path of the field."""
    return order_of(decode(body, PushedOrder))


def order_of(said: PushedOrder) -> Order:
    """An order as it was pushed.   Raises BadRequest where it may not be stored."""
    refuse_sealed(said.category or ORDINARY, ground=said.ground, ref=said.ref, corrects=said.corrects or "")
    scope = said.scope or EntryMode.SUBTREE
    entries = ((each, scope) if isinstance(each, str) else (each.value, each.scope or scope) for each in said.entries)
    about = said.issuer, said.ref, said.ground, scope, said.deadline, said.emergency or False
    is_shadow = shadow_of(said.shadow, is_emergency=said.emergency or False)
    return Order(*about, tuple(entries), said.corrects, said.review, said.expires, is_shadow)


def shadow_of(asked: bool | None, *, is_emergency: bool) -> bool:
    """Whether an order is to be counted and not enforced.   Raises BadRequest where it cannot wait for that"""
    if asked and is_emergency:
        found = "an emergency order, which is to block at once, and lapses within hours"
        raise unfit("/shadow", found, "push it without shadow, or without emergency")
    return bool(asked)


def check_deadline(order: Order, now: datetime) -> None:
    """Refuse a deadline that is no instruction.   now  aware.   Raises BadRequest"""
    if order.deadline is None:
        return
    if order.deadline <= now:
        raise unfit("/deadline", f"is past: now is {now.isoformat(timespec='seconds')}", "write one to come, or none")
    if order.deadline - now > LATEST_DEADLINE:
        raise unfit("/deadline", f"more than {LATEST_DEADLINE.days} days ahead", "look at the year, or write none")


def judge_entries(
    order: Order, protected: ProtectedNames, *, has_gate: bool = True, stops_names: bool = True
) -> Iterator[Entry]:
    """Say of each entry what will be done with it.   has_gate, stops_names: see Settings.

    Cost: 30 µs each."""
    seen: set[tuple[bytes, EntryMode]] = set()
    for number, (value, scope) in enumerate(order.entries, 1):
        entry = judge_entry(number, value, scope, protected, has_gate)
        if entry.status == EntryStatus.PENDING and not stops_names:
            entry = replace(entry, status=EntryStatus.NOT_ENFORCEABLE, reason=_NO_FILTER)
        if entry.status == EntryStatus.PENDING and entry.wire is not None and entry.mode is not None:
            key = entry.wire, entry.mode
            if key in seen:
                entry = Entry(number, value, *key, EntryStatus.DUPLICATE, _TWICE)
            seen.add(key)
        yield entry


def wire_of(value: str, scope: str) -> bytes | None:
    """What an entry of this value holds in `wire`."""
    return _read(0, value, scope, True).wire


def network_of_entry(value: str) -> Network | None:
    """The address or prefix that an entry means; None: it means something else."""
    try:
        return _network_of(value)
    except BadName:
        return None


def host_of_entry(value: str) -> bytes | None:
    """The host, on the wire, of an entry that is a URL; None: it has none that is a name."""
    try:
        return read_url(clean(value).encode("utf-8", "surrogatepass")).wire
    except BadName:
        return None


def judge_entry(number: int, value: str, scope: str, protected: ProtectedNames, has_gate: bool) -> Entry:
    """What is to be done with one entry, by itself.   has_gate  as judge_entries()"""
    entry = _read(number, value, scope, has_gate)
    if entry.status != EntryStatus.PENDING or entry.wire is None or entry.mode not in SCOPES:
        return entry
    mode = _MODES[entry.mode]
    if protected.is_hit(entry.wire, mode):
        return replace(entry, status=EntryStatus.REFUSED_PROTECTED, reason=PROTECTED)
    reason = public_suffixes().refusal(entry.wire) if entry.mode != EntryMode.EXACT else None
    status = {ICANN_SUFFIX: EntryStatus.REFUSED_PROTECTED, PRIVATE_SUFFIX: EntryStatus.PENDING_REVIEW}.get(
        reason or "", EntryStatus.PENDING
    )
    return replace(entry, status=status, reason=reason)


def read_again(row: Any, has_gate: bool) -> Entry:
    """What the value of a stored entry means, before any rail of ours, no matter what else its row holds."""
    scope = next((each for each in (row.mode, row.scope) if each in SCOPES), SCOPES[0])
    return judge_entry(row.number, str(row.value), scope, _NO_NAMES, has_gate)


def _read(number: int, value: str, scope: str, has_gate: bool) -> Entry:
    """An entry as it is read, before any rail of names."""
    try:
        network = _network_of(value)
    except BadName as exc:
        return Entry(number, value, None, None, EntryStatus(enforceability_of(exc.reason)), exc.reason)
    if network is not None:
        status, reason = (
            (EntryStatus.PENDING, None) if has_gate else (EntryStatus.NOT_ENFORCEABLE, _NO_GATE_FOR_ADDRESSES)
        )
        if not is_public_network(network):
            status, reason = EntryStatus.REFUSED_PROTECTED, NOT_PUBLIC
        return Entry(number, value, text_of_network(network), EntryMode.ADDRESS, status, reason)
    rule = _rule_of(value, scope)
    if rule == IS_ADDRESS:  # a list names no addresses; an order does, and this one is not spelled as any is
        return Entry(number, value, None, None, EntryStatus.INVALID, _NO_ADDRESS)
    if isinstance(rule, str):
        return Entry(number, value, None, None, EntryStatus(enforceability_of(rule)), rule)
    if isinstance(rule, UrlRule):
        mode = EntryMode.URL if rule.mode is _MODES[EntryMode.EXACT] else EntryMode.URL_PREFIX
        status, reason = (EntryStatus.PENDING, None) if has_gate else (EntryStatus.NOT_ENFORCEABLE, _NO_GATE)
        return Entry(number, value, rule.url, mode, status, reason)
    return Entry(number, value, rule.wire, EntryMode[rule.mode.name], EntryStatus.PENDING, None)


def text_of_network(network: Network) -> bytes:
    """What `wire` holds of an address or a prefix: its one text."""
    is_one = network.prefixlen == network.max_prefixlen
    return (str(network.network_address) if is_one else str(network)).encode()


def _network_of(value: str) -> Network | None:
    """Raises BadName for what is meant as an address and is not one."""
    if not value.isprintable():
        return None
    text = clean(value)
    if not _ADDRESS.fullmatch(text):
        return None
    (network,) = read_prefixes(text.replace("[", "").replace("]", ""))
    return network


def _rule_of(value: str, scope: str) -> Rule | UrlRule | str:
    """The rule that a value means, read as a cell of a regulator's table; or why it means none."""
    if not value.isprintable():
        return "holds a control character"
    try:
        return rule_of_cell(value, _MODES[scope], _MODES[EntryMode.EXACT], 0)
    except BadName as exc:
        return exc.reason
