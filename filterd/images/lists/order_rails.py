"""Control's own rails over every entry that an order has in force, no matter who has written its row.

The role that takes orders judges them, but it stands on the network: control believes no row.  What a rail refuses is
neither in a base nor in a delta, and its row says so; where the rails no longer refuse it, it comes into force.
Two persons may let in what is held, and nothing that is refused.

Invariants: nothing but a canonical name, URL or prefix, in a mode that orders have, becomes a rule; regardless of what
a row holds, nothing is raised.
Cost: some 3 µs an entry.
"""

import logging
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import network_of
from fastpath.wire.name import to_text
from mgmt.orders.base.judge import text_of_network
from mgmt.orders.base.live import Live
from mgmt.orders.base.model import SCOPES, EntryMode, is_url
from mgmt.orders.decisions import Ruling, settle
from mgmt.orders.phases.canary_rules import Policy
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from parental.store.database import writing
from rules.base.canonical import canonical_octets
from rules.base.hosts_of_many import NO_LISTS, Hosting, is_hosting_reason
from rules.base.prefixes import NOT_PUBLIC, Network, is_public_network, read_prefixes
from rules.base.protected import PROTECTED, ProtectedNames
from rules.base.public_suffixes import PRIVATE_SUFFIX
from rules.base.rule import Rule, UrlRule
from rules.base.urls import read_url
from rules.base.watched import is_watch_reason
from rules.lists.compiler.guards import Rails
from rules.lists.source import Source

MALFORMED = "is not one canonical name, URL or prefix in a mode that orders have"
TOO_WIDE = "covers more addresses than one order closes (shorter than /24, IPv6: /48): held"
WIDEST_BITS = {4: 24, 6: 48}  # the shortest that one site announces: what is wider has many owners
MAX_ORDER = 2**31 - 1  # of an order's number, in an image

_NAME_MODES = {scope: Mode[scope.upper()] for scope in SCOPES}
_PART_MODES = {EntryMode[mode.name]: mode for mode in (Mode.EXACT, Mode.SUBTREE, Mode.BELOW)}
_URL_MODES = {EntryMode.URL: Mode.EXACT, EntryMode.URL_PREFIX: Mode.SUBTREE}

log = logging.getLogger("filterd.images.lists.order_rails")


class OrderRails:
    """The rails of the list that holds the orders.

    has_gate, stops_names  see mgmt.registers.settings.page_settings.Settings;   proof  that is asked of approvals
    canary    where orders are in force first; None: everywhere at once"""

    def __init__(
        self,
        source: Source,
        protected: ProtectedNames,
        hosting: Hosting = NO_LISTS,
        *,
        has_gate: bool = True,
        stops_names: bool = True,
        proof: Proof = BY_NAMES,
        canary: Policy | None = None,
    ) -> None:
        self._rails, self._protected, self._hosting = Rails(source, protected), protected, hosting
        self.has_gate, self.stops_names = has_gate, stops_names
        self.proof, self.canary = proof, canary

    def rule(self, live: Live) -> Rule | UrlRule | None:
        """A row as a rule, its order's number as its letter; None where a rail refuses it."""
        rule = _rule_of(live)
        return rule if rule is not None and self._reason(rule, live.is_approved) is None else None

    def refusal(self, live: Live) -> str | None:
        """Why an entry is not compiled; None where it is."""
        if live.mode == EntryMode.ADDRESS:
            network = _network_of(live)
            return MALFORMED if network is None else self._reason_of_network(network, live.is_approved)
        rule = _rule_of(live)
        return MALFORMED if rule is None else self._reason(rule, live.is_approved)

    def is_held(self, reason: str) -> bool:
        """Whether two persons may let in what is refused for this reason."""
        return reason in (PRIVATE_SUFFIX, TOO_WIDE) or is_watch_reason(reason) or is_hosting_reason(reason)

    @property
    def tries_as(self) -> str | None:
        """The name of this gateway, where it is the canary."""
        return None if self.canary is None else self.canary.tries_as

    def settle(self, conn: Connection, since: int, now_s: int) -> list[Ruling]:
        """Decide on what has changed after a revision of the orders.

        conn  may write;   now_s  as mgmt.orders.decisions.settle()"""
        rulings = settle(conn, self, since, datetime.now(UTC), now_s)
        for ruling in [each for each in rulings if each.action][:10]:
            said = ruling.reason or ruling.status
            log.warning("order %s, entry %s: %s: %s", ruling.order, ruling.number, ruling.action, said)
        return rulings

    def settle_all(self, engine: Engine, now_s: int) -> None:
        """Decide on every entry again."""
        with writing(engine) as conn:
            self.settle(conn, 0, now_s)

    def _reason(self, rule: Rule | UrlRule, is_approved: bool) -> str | None:
        if isinstance(rule, UrlRule):
            return None
        network = network_of(rule.wire)
        if network is not None:
            return self._reason_of_network(network, is_approved)
        reason = self._rails.refusal(rule.wire, rule.mode, rule.action)
        if reason is None or not is_approved or not self.is_held(reason):
            return reason
        return PROTECTED if self._protected.is_hit(rule.wire, rule.mode) else None  # no one can approve that

    def _reason_of_network(self, network: Network, is_approved: bool) -> str | None:
        if not is_public_network(network):
            return NOT_PUBLIC
        if self._protected.covers(network):
            return PROTECTED
        if is_approved:
            return None
        return TOO_WIDE if network.prefixlen < WIDEST_BITS[network.version] else self._hosting.refusal(network)


def is_well_formed(wire: bytes) -> bool:
    """Whether a row's `wire` is what a canonical name, address or URL is, and may be looked up."""
    try:
        if not is_url(wire):
            if network_of(wire) is not None:
                return True
            return canonical_octets(to_text(wire).encode("ascii")) == wire
        url = read_url(wire)
    except (ValueError, IndexError, TypeError):
        return False
    return url.text == wire and not url.is_host_alone


def _rule_of(live: Live) -> Rule | UrlRule | None:
    row: tuple[object, ...] = live  # SQLite keeps what it is given
    wire, mode, order, *_ = row
    if not (isinstance(wire, bytes) and isinstance(mode, EntryMode) and isinstance(order, int)):
        return None
    if not (is_well_formed(wire) and 0 < order <= MAX_ORDER):
        return None
    modes = _URL_MODES if is_url(wire) else _PART_MODES if network_of(wire) is not None else _NAME_MODES
    if mode not in modes:
        return None
    make = UrlRule if is_url(wire) else Rule
    return make(wire, modes[mode], Action.NO_ACTION, 0, str(order))


def _network_of(live: Live) -> Network | None:
    """The prefix that a row of mode ADDRESS names in its one text."""
    row: tuple[object, ...] = live
    wire, _, order, *_ = row
    if not (isinstance(wire, bytes) and isinstance(order, int) and 0 < order <= MAX_ORDER):
        return None
    try:
        (network,) = read_prefixes(wire.decode("ascii"))
    except ValueError:
        return None
    return network if text_of_network(network) == wire else None
