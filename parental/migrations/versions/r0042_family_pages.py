"""Family pages: a session knows the forms that it has spent, a household's event the child's name of then."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.add_column("sessions", Column("forms", Integer, nullable=False, server_default="0"))
    op.add_column("sessions", Column("spent", Text))
    op.add_column("household_events", Column("child_name", String))
