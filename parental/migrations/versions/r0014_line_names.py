"""Names of lines, by which a network access server tells of their sessions."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    number = BigInteger().with_variant(Integer, "sqlite")
    op.create_table(
        "line_names",
        Column("name", String, primary_key=True),
        Column("line", number, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_line_names_line", "line_names", ["line"])
