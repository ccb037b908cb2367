"""What an issuer's key has signed of an order, which signatures were used, and whose a client's certificate is."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, String

revision = "0015"
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
    op.create_table(
        "client_certificates",
        Column("sha256", LargeBinary, primary_key=True),
        Column("issuer", String, ForeignKey("issuers.name")),
        Column("staff", BigInteger().with_variant(Integer(), "sqlite"), ForeignKey("staff.id")),
        Column("put_s", BigInteger, nullable=False),
        Column("ended_s", BigInteger),
        CheckConstraint("(issuer IS NULL) <> (staff IS NULL)", name="client_certificates_of_one"),
    )
