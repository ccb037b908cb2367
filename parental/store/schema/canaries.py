"""Orders that are tried: in force on one gateway first, or counted and not in force.

    order_canaries    one row each time that control has let entries of an order in there
    canary_minutes    what each open one has blocked, by the minute
    gateway_minutes   what that gateway has blocked for all other orders, by the minute; the last two hours of it
    order_shadows     one row each time that control puts an order in shadow
    order_shadow_counts  what it would have blocked, by channel, on all gateways
    gateway_settings  how each gateway is set to try orders, as its control last said

Invariants: of an order one canary is open, which a unique index holds; web writes none of it; what has ended stays as
it is, and its minutes go.  The same holds of a shadow and of its place; no name, no person and no time is kept with its
counts.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from parental.store.schema.base import Number, metadata

order_canaries = Table(
    "order_canaries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("gateway", String, nullable=False),  # that serves it
    Column("revision", BigInteger, nullable=False),  # of the orders, once its entries were let in
    Column("n_entries", Integer, nullable=False),
    Column("begun_s", BigInteger, nullable=False),  # when control has let them in
    Column("since_s", BigInteger),  # when every worker of the gateway has served them
    Column("until_s", BigInteger),
    Column("n_blocks", BigInteger, nullable=False, server_default="0"),  # a line counts once a second
    Column("peak", BigInteger, nullable=False, server_default="0"),  # of the worst minute
    Column("baseline", Float),  # blocks a minute of all other orders, in the hour before since_s; none: not known
    Column("outcome", String),  # none: it is open
    Column("reason", Text),  # of the outcome
    Column("ended_s", BigInteger),
    # Of a rollback, at random: what two persons agree to after it has it in its digest, so that nothing older counts.
    Column("nonce", String),
    Column("alarmed_ms", BigInteger),  # when the alarm of a rollback was given
    CheckConstraint("outcome IN ('passed', 'rolled_back', 'over')", name="order_canaries_outcomes"),
    Index(
        "order_canaries_open",
        "order",
        unique=True,
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
    sqlite_autoincrement=True,  # entries name it
)
canary_minutes = Table(
    "canary_minutes",
    metadata,
    Column("canary", Number, ForeignKey("order_canaries.id"), primary_key=True, autoincrement=False),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),  # unix
    Column("n", BigInteger, nullable=False),
)
gateway_minutes = Table(
    "gateway_minutes",
    metadata,
    Column("gateway", String, primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
gateway_settings = Table(
    "gateway_settings",
    metadata,
    Column("node", String, primary_key=True),  # the host's name
    Column("gateway", String, nullable=False),  # as orders know it, see /orders/canary/name
    Column("canary", Text, nullable=False),  # in words, to be compared and shown; '': no gateway tries orders
    Column("at_s", BigInteger, nullable=False),  # when it was last said
)
_IS_OPEN = text("ended_s IS NULL")
order_shadows = Table(
    "order_shadows",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("place", Integer),  # see mgmt.orders.phases.shadow_places; none: it waits for one
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
