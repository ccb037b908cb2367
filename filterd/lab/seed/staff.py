"""Who works with the box: five people of the desk, each with a token; two of them push orders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from mgmt.ledger.event import Actor
from mgmt.staff.permissions import AUDITOR, COMPLIANCE, ENGINEER, REGULATOR
from mgmt.staff.tokens import create_token
from mgmt.web.kit.auth import find_principal

ISSUERS = ("PTA", "Islamabad High Court")
# Who it is, as the laboratory names them → role, issuer.
DESK: dict[str, tuple[str, str | None]] = {
    "engineer": (ENGINEER, None),
    "compliance": (COMPLIANCE, None),
    "auditor": (AUDITOR, None),
    "PTA": (REGULATOR, ISSUERS[0]),
    "court": (REGULATOR, ISSUERS[1]),
}
BY = Actor("account", "lab")


@dataclass(frozen=True, slots=True)
class Staff:
    """tokens  by who holds it;   clerks  as events name them, by the issuer whose orders they push"""

    tokens: Mapping[str, str] = field(repr=False)
    clerks: Mapping[str, Actor]


def put_staff(conn: Connection, at: datetime) -> Staff:
    """Take them on; their tokens are stored nowhere."""
    tokens, clerks = {}, {}
    for who, (role, issuer) in DESK.items():
        tokens[who] = create_token(conn, role, None, BY, lambda: at, issuer=issuer)
        principal = find_principal(conn, tokens[who], at)
        if issuer is not None and principal is not None:
            clerks[issuer] = principal.actor
    return Staff(tokens, clerks)
