"""Control's own rails over every entry that an order has in force, whoever has written its row.

The role that takes orders judges them, but it stands on the network: control believes no row.  What a rail refuses is
neither in a base nor in a delta, and its row says so; where the rails no longer refuse it, it comes into force.

Invariants: nothing but a canonical name or URL, in a mode that orders have, becomes a rule; whatever a row holds,
nothing is raised.
Cost: some 3 µs an entry.
"""

import logging
from datetime import UTC, datetime

from sqlalchemy import Engine

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text
from mgmt.orders.model import SCOPES, URL, URL_PREFIX, is_url
from mgmt.orders.store import Live, keep_refusals, refusals_since
from parental.database import reading, writing
from rules.compiler.guards import Rails
from rules.lists.source import Source
from rules.names.canonical import canonical_octets
from rules.names.protected import Protected
from rules.names.urls import read_url
from rules.rule import Rule, UrlRule

MALFORMED = "is not one canonical name or URL in a mode that orders have"
MAX_ORDER = 2**31 - 1  # of an order's number, in an image

_NAME_MODES = {scope: Mode[scope.upper()] for scope in SCOPES}
_URL_MODES = {URL: Mode.EXACT, URL_PREFIX: Mode.SUBTREE}

log = logging.getLogger("filterd.images.order_rails")


class OrderRails:
    """The rails of the list that holds the orders."""

    def __init__(self, source: Source, protected: Protected) -> None:
        self._rails = Rails(source, protected)

    def rule(self, live: Live) -> Rule | UrlRule | None:
        """An entry as a rule, its order's number as its letter; None where a rail refuses it."""
        rule = _rule_of(live)
        return rule if rule is not None and self._reason(rule) is None else None

    def refusal(self, live: Live) -> str | None:
        """Why an entry is not compiled; None where it is."""
        rule = _rule_of(live)
        return MALFORMED if rule is None else self._reason(rule)

    def settle(self, engine: Engine, since: int) -> None:
        """Write down which entries, changed after a revision of the orders, the rails refuse, and which no more."""
        with reading(engine) as conn:
            changes = refusals_since(conn, since, self.refusal)
        if not changes:
            return
        with writing(engine) as conn:
            keep_refusals(conn, changes, datetime.now(UTC))
        for order, number, reason in changes[:10]:
            log.warning("order %s, entry %s: %s", order, number, reason or "no rail refuses it any more")

    def _reason(self, rule: Rule | UrlRule) -> str | None:
        return None if isinstance(rule, UrlRule) else self._rails.refusal(rule.wire, rule.mode, rule.action)


def is_well_formed(wire: bytes) -> bool:
    """Whether a row's `wire` is what a canonical name or URL is, and may be looked up."""
    try:
        if not is_url(wire):
            return canonical_octets(to_text(wire).encode("ascii")) == wire
        url = read_url(wire)
    except (ValueError, IndexError, TypeError):
        return False
    return url.text == wire and not url.is_host_alone


def _rule_of(row: tuple[object, object, object]) -> Rule | UrlRule | None:
    wire, mode, order = row
    if not (isinstance(wire, bytes) and isinstance(mode, str) and isinstance(order, int)):
        return None
    if not (is_well_formed(wire) and 0 < order <= MAX_ORDER):
        return None
    modes = _URL_MODES if is_url(wire) else _NAME_MODES
    if mode not in modes:
        return None
    make = UrlRule if is_url(wire) else Rule
    return make(wire, modes[mode], Action.NO_ACTION, 0, str(order))
