"""A person of the desk may have an end."""

from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column("staff", Column("ends_s", BigInteger))
