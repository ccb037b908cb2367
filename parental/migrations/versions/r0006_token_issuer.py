"""A regulator's token belongs to one issuer; an older one, whose issuer is not known, speaks for none."""

from alembic import op
from sqlalchemy import Column, String

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("tokens", Column("issuer", String))
