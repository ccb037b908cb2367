"""Cards by the sun: from iftar, until suhoor, by the city of a household."""

from alembic import op
from sqlalchemy import Column, String

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("household_calendars", Column("city", String))
    op.add_column("cards", Column("begins", String))
    op.add_column("cards", Column("ends", String))
