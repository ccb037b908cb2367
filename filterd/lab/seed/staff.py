"""Who works with the box: five people of the desk, each with a token."""

from datetime import datetime

from sqlalchemy import Connection

from mgmt.ledger.event import Actor
from mgmt.staff.permissions import AUDITOR, COMPLIANCE, ENGINEER, REGULATOR
from mgmt.staff.tokens import create_token

ISSUERS = ("PTA", "Islamabad High Court")
# Who it is, as the laboratory names them → role, issuer.
DESK: dict[str, tuple[str, str | None]] = {
    "engineer": (ENGINEER, None),
    "compliance": (COMPLIANCE, None),
    "PTA": (REGULATOR, ISSUERS[0]),
    "court": (REGULATOR, ISSUERS[1]),
    "auditor": (AUDITOR, None),
}
BY = Actor("account", "lab")


def put_staff(conn: Connection, at: datetime) -> dict[str, str]:
    """Take them on; returns the token of each, which is stored nowhere."""
    return {who: create_token(conn, role, None, BY, lambda: at, issuer=issuer) for who, (role, issuer) in DESK.items()}
