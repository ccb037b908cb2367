"""Orders in shadow: counted on the gateways, and not in force.

    order_shadows        one row each time that control puts an order in shadow
    order_shadow_counts  what it would have blocked, by channel, on all gateways

Invariants: of an order one row is open, and of a place one, which unique indexes hold; web writes none of it; no name,
no person and no time is kept with a count.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, text

from parental.schema.base import Number, metadata

_IS_OPEN = text("ended_s IS NULL")

order_shadows = Table(
    "order_shadows",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("place", Integer),  # see mgmt.shadows.places; none: it waits for one
    Column("revision", BigInteger, nullable=False),  # of the orders, once it has its place
    Column("begun_s", BigInteger, nullable=False),  # when control has put it in shadow
    Column("since_s", BigInteger),  # when every worker of a gateway has counted for it, the first gateway's
    Column("ended_s", BigInteger),
    Column("outcome", String),
    CheckConstraint("outcome IN ('let_in', 'over')", name="order_shadows_outcomes"),
    CheckConstraint("(outcome IS NULL) = (ended_s IS NULL)", name="order_shadows_ended"),
    Index("order_shadows_open", "order", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    Index("order_shadows_places", "place", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
    sqlite_autoincrement=True,
)
order_shadow_counts = Table(
    "order_shadow_counts",
    metadata,
    Column("shadow", Number, ForeignKey("order_shadows.id"), primary_key=True, autoincrement=False),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
