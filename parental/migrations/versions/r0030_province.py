"""Records of blocks say in which province a line is.

Of records of before it is not known.
"""

from alembic import op
from sqlalchemy import Column, String

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.add_column("blocks", Column("province", String, nullable=False, server_default="unknown"))
