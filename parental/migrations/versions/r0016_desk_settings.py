"""What the desk says of the pages: helplines, addresses, the owner of a list, languages, colours."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "desk_settings",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("name", String, nullable=False),
        Column("value", Text),
        Column("set_s", BigInteger, nullable=False),
        Column("by_kind", String, nullable=False),
        Column("by_name", String, nullable=False),
        Column("event", BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_desk_settings_name", "desk_settings", ["name"])
