"""Enforceability of each entry of a list, in the words of an auditor's report.

Invariants: an entry has exactly one of these states; nothing is ever widened, so none is enforced more than it says.
Absent on purpose: `enforced_broader`, which an order's approval makes, never a compilation.
Source: semantics §6.
"""

from enum import StrEnum
from types import MappingProxyType

from rules.base.canonical import HAS_PORT, IS_ADDRESS
from rules.base.hosts_of_many import is_hosting_reason
from rules.base.prefixes import NOT_PUBLIC, TOO_SHORT
from rules.base.protected import PROTECTED
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX
from rules.base.urls import IS_FRAGMENT
from rules.base.watched import is_watch_reason
from rules.formats import (
    adblock,
    addresses,
    certpl,
    columns,
    dnsmasq,
    hosts,
    misp,
    native,
    rpz,
    stix,
    unbound,
    xlsx,
)
from rules.lists.reader import NO_EXPRESSIONS


class Enforceability(StrEnum):
    """A state."""

    ENFORCED = "enforced"  # by name, on every channel
    ENFORCED_HTTP_ONLY = "enforced_http_only"  # by URL, where the path is seen
    NOT_AT_THIS_LAYER = "not_enforceable_at_this_layer"  # clear, but neither a name nor a URL can do it
    REFUSED_PROTECTED = "refused_protected"
    PENDING_REVIEW = "pending_review"  # waits for a person
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"  # by the list itself
    EXPIRED = "expired"


_STATES = MappingProxyType(
    {
        reason: state
        for state, reasons in {
            Enforceability.NOT_AT_THIS_LAYER: (
                IS_ADDRESS,
                NO_EXPRESSIONS,
                IS_FRAGMENT,
                HAS_PORT,
                addresses.BELOW_A_WILDCARD,
                adblock.COSMETIC,
                adblock.REGULAR_EXPRESSION,
                adblock.HAS_PATH,
                adblock.ASTERISK,
                adblock.BAD_OPTION,
                dnsmasq.FORWARDS,
                dnsmasq.INSIDE_A_LABEL,
                hosts.ELSEWHERE,
                misp.OTHER_TYPE,
                rpz.OTHER_TRIGGER,
                stix.OTHER_PATTERN,
                stix.OTHER_OBJECT,
                unbound.OTHER_TYPE,
            ),
            Enforceability.REFUSED_PROTECTED: (PROTECTED, ICANN_SUFFIX, NOT_PUBLIC, TOO_SHORT),
            Enforceability.PENDING_REVIEW: (
                PRIVATE_SUFFIX,
                columns.ASKS_TO_UNBLOCK,
                addresses.OTHER_HOST,
                addresses.UNKNOWN_HEADING,
                xlsx.IS_HIDDEN,
            ),
            Enforceability.WITHDRAWN: (adblock.OVERRULED, certpl.IS_DELETED, misp.IS_DELETED, stix.IS_REVOKED),
            Enforceability.EXPIRED: (native.IS_EXPIRED, stix.IS_EXPIRED),
        }.items()
        for reason in reasons
    }
)


def enforceability_of(reason: str) -> Enforceability:
    """The state of what was skipped for `reason`; one that is not known here is a fault of the entry."""
    if is_watch_reason(reason) or is_hosting_reason(reason):
        return Enforceability.PENDING_REVIEW
    return _STATES.get(reason, Enforceability.INVALID)
