"""Letters that a list names have no ground: it was written that the list says it, which it does not."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("UPDATE orders SET ground = '' WHERE ground = 'as the list says' AND length(original) = 0")
