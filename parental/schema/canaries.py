"""Orders that are in force on one gateway first.

    order_canaries   one row each time that control has let entries of an order in there

Invariants: of an order one canary is open, which a unique index holds; web writes none of it; what has ended stays as
it is.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from parental.schema.base import Number, metadata

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
    Column("minute", BigInteger, nullable=False, server_default="0"),  # unix; the one that n_minute is of
    Column("n_minute", BigInteger, nullable=False, server_default="0"),
    Column("peak", BigInteger, nullable=False, server_default="0"),  # of the worst minute
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
