"""Legal holds of tests, as two persons and control make them."""

from datetime import timedelta

from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.signing import BY_PASSKEYS, Signer, signed, signer

from filterd.control.records.legal_holds import Moment, look
from mgmt.registers.records.holds.proposals import NewHold, propose_hold
from mgmt.registers.records.holds.scope import Scope
from mgmt.staff.approvals.proof import Proof
from parental.store.database import writing

NOW_S = int(NOW.timestamp())
HOLD = NewHold(
    Scope(0, NOW_S, list="pta", subscriber="0123456789abcdef" * 2),
    "a court asks",
    "WP 1/2026",
    NOW + timedelta(days=90),
)


def two(engine: Engine) -> tuple[Signer, Signer]:
    """Two persons of the desk."""
    with writing(engine) as conn:
        return signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")


def begin_hold(engine: Engine, people: tuple[Signer, Signer], wanted: NewHold = HOLD) -> int:
    """One that control has begun; its number."""
    with writing(engine) as conn:
        made = propose_hold(conn, wanted, people[0].person.mail, "desk", NOW)
        assert signed(conn, made.id, *people) is None
    keep(engine)
    return int(made.hold)


def keep(engine: Engine, proof: Proof = BY_PASSKEYS) -> list[Scope]:
    """What control holds, a moment later."""
    at = NOW + timedelta(seconds=1)
    with writing(engine) as conn:
        return look(conn, proof, Moment(at, at.timestamp(), 1095 * 86_400.0)).scopes
