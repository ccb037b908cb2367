"""The steps of orders, from received to confirmed; of orders that are there already, the one that they are in."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String

revision = "0019"
down_revision = "0018"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_STATES = (
    "'received', 'validated', 'pending_approval', 'approved', 'canary', 'enforced', 'verified', 'confirmed', "
    "'rejected', 'held_by_rail', 'partially_enforced', 'rolled_back', 'withdrawn', 'expired'"
)
_HAS = 'EXISTS (SELECT 1 FROM entries WHERE entries."order" = orders.id AND status {0})'
_ENFORCED = "IN ('enforced', 'enforced_http_only', 'enforced_broader')"
_AS_DIRECTED = "IN ('enforced', 'enforced_http_only', 'enforced_broader', 'duplicate', 'withdrawn', 'expired')"


def upgrade() -> None:
    op.create_table(
        "order_steps",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True),
        Column("n", Integer, primary_key=True),
        Column("state", String, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("by", String, nullable=False),
        CheckConstraint(f"state IN ({_STATES})", name="order_steps_states"),
    )
    pending, held, expired = (_HAS.format(f"= '{status}'") for status in ("pending", "pending_review", "expired"))
    enforced, otherwise = _HAS.format(_ENFORCED), _HAS.format("NOT " + _AS_DIRECTED)
    state = (
        f"CASE WHEN {pending} THEN 'approved' "
        f"WHEN {enforced} AND NOT {otherwise} THEN 'enforced' "
        f"WHEN {enforced} THEN 'partially_enforced' "
        "WHEN withdrawn_ms IS NOT NULL THEN 'withdrawn' "
        f"WHEN {held} THEN 'held_by_rail' "
        f"WHEN {expired} THEN 'expired' ELSE 'rejected' END"
    )
    op.execute(
        f'INSERT INTO order_steps ("order", n, state, at_ms, "by") '
        f"SELECT id, 1, {state}, received_ms, 'control' FROM orders "
        "WHERE receipt IS NOT NULL AND " + _HAS.format("IS NOT NULL")
    )
