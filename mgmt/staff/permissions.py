"""Who may do what: the one table of permissions, by role.

A route names one permission; a role that is not in its row is refused.  Reach.OWN: only what is its own, which is the
line of a household's token, and the orders of a regulator's issuer; what is not, is answered as if it did not exist, or
refused.
"""

import enum
from collections.abc import Iterable, Mapping

REGULATOR, COMPLIANCE, APPROVER = "regulator", "compliance", "approver"
ENGINEER, SUPPORT, AUDITOR = "engineer", "support", "auditor"
OWNER, PARENT, HELPER, SCHOOL = "owner", "parent", "helper", "school"

DESK_ROLES = (REGULATOR, COMPLIANCE, APPROVER, ENGINEER, SUPPORT, AUDITOR)
HOUSEHOLD_ROLES = (OWNER, PARENT, HELPER, SCHOOL)
ROLES = (*DESK_ROLES, *HOUSEHOLD_ROLES)


class Reach(enum.IntEnum):
    """How far a role's permission goes; the larger one holds the smaller."""

    OWN = 1
    ALL = 2


def _all(*roles: str) -> dict[str, Reach]:
    return dict.fromkeys(roles, Reach.ALL)


def _own(*roles: str) -> dict[str, Reach]:
    return dict.fromkeys(roles, Reach.OWN)


# permission → role → reach
PERMISSIONS: Mapping[str, Mapping[str, Reach]] = {
    "orders.push": _all(COMPLIANCE) | _own(REGULATOR),
    "orders.read": _all(COMPLIANCE, APPROVER, AUDITOR) | _own(REGULATOR),
    "orders.withdraw": _all(COMPLIANCE) | _own(REGULATOR),
    "orders.approve": _all(COMPLIANCE, APPROVER, ENGINEER),
    "lines.list": _all(ENGINEER, SUPPORT),
    "lines.provision": _all(ENGINEER),
    "line.read": _all(ENGINEER, SUPPORT) | _own(*HOUSEHOLD_ROLES),
    "line.pause": _all(ENGINEER, SUPPORT) | _own(*HOUSEHOLD_ROLES),
    "line.schedule": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "line.devices": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "accounts.list": _all(ENGINEER, SUPPORT),
    "dates.announce": _all(ENGINEER, SUPPORT),
    "account.read": _all(ENGINEER, SUPPORT) | _own(*HOUSEHOLD_ROLES),
    "account.history": _own(*HOUSEHOLD_ROLES),
    "account.children": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "account.pause": _all(ENGINEER, SUPPORT) | _own(*HOUSEHOLD_ROLES),
    "account.schedule": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "account.open": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "account.tickets": _own(OWNER, PARENT, SCHOOL),
    "account.caregivers": _all(ENGINEER, SUPPORT) | _own(OWNER, PARENT, SCHOOL),
    "account.pin": _all(ENGINEER, SUPPORT),
    "profiles.read": _all(ENGINEER, SUPPORT),
    "profiles.change": _all(ENGINEER),
    "reports.read": _all(COMPLIANCE, ENGINEER, SUPPORT),
    "reports.answer": _all(COMPLIANCE, SUPPORT),
    "lawful.read": _all(COMPLIANCE, APPROVER, AUDITOR),
    "lawful.record": _all(COMPLIANCE),
    "lawful.agree": _all(APPROVER),
    "dns.sources": _all(COMPLIANCE, ENGINEER, AUDITOR),
    "settings.read": _all(COMPLIANCE, ENGINEER, SUPPORT),
    "settings.change": _all(COMPLIANCE, ENGINEER),
    "lists.read": _all(COMPLIANCE, APPROVER, ENGINEER),
    "status.read": _all(COMPLIANCE, APPROVER, ENGINEER, SUPPORT),
    "decision.explain": _all(COMPLIANCE, ENGINEER, SUPPORT),
    "holds.read": _all(COMPLIANCE, APPROVER, ENGINEER, AUDITOR),
    "audit.blocks": _all(AUDITOR),
    "audit.counts": _all(AUDITOR),
    "audit.ledger": _all(AUDITOR),
    "audit.statistics": _all(COMPLIANCE, AUDITOR),
    "staff.read": _all(COMPLIANCE, ENGINEER, AUDITOR),
    "tokens.read": _all(COMPLIANCE, ENGINEER, AUDITOR),
    "tokens.make": _all(COMPLIANCE, ENGINEER),
    "tokens.revoke": _all(COMPLIANCE, ENGINEER),
}


def reach_of(permission: str, roles: Iterable[str]) -> Reach | None:
    """How far several roles together have a permission; None: not at all.   Raises KeyError for an unknown one."""
    row = PERMISSIONS[permission]
    return max((row[role] for role in roles if role in row), default=None)


def permissions_of(roles: Iterable[str]) -> dict[str, Reach]:
    """Every permission that several roles together have."""
    held = tuple(roles)
    found = ((permission, reach_of(permission, held)) for permission in PERMISSIONS)
    return {permission: reach for permission, reach in found if reach is not None}
