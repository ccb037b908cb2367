"""What an issuer's key has signed of an order, and which signatures were used."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String

revision = "0017"
down_revision = "0014"


def upgrade() -> None:
    for name in ("signed_base", "signature", "signing_key"):
        op.add_column("orders", Column(name, LargeBinary))
    op.create_table(
        "push_nonces",
        Column("key", LargeBinary, primary_key=True),
        Column("nonce", String, primary_key=True),
        Column("until_s", BigInteger, nullable=False, index=True),
    )
