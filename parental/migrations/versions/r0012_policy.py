"""What holds for a profile: a household's own names, what stays open in closed hours, YouTube apart from search."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String

revision = "0012"
down_revision = "0011"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("dns_wishes", Column("youtube", String, nullable=False, server_default="off"))
    op.execute("UPDATE dns_wishes SET youtube = safe_search")  # safe search was for both
    op.add_column("closed_intervals", Column("allowed", String))
    op.create_table(
        "household_names",
        Column("profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
        Column("name", String, primary_key=True),
        Column("is_allowed", Boolean, nullable=False),
    )
