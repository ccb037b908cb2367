"""Orders have versions, and dates: when they are looked at again, and until when they hold.

Orders of before are the first version of themselves, and have no dates.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String

revision = "0028"
down_revision = "0027"

_KINDS = "kind IN ('50', 'review', '75', '90', 'overdue', 'before')"


def upgrade() -> None:
    for name in ("first", "review_s", "expires_s", "replaced_by", "expired_ms"):
        op.add_column("orders", Column(name, BigInteger))
    op.add_column("orders", Column("version", Integer, nullable=False, server_default="1"))
    op.add_column("orders", Column("pushed_by", String))
    op.create_index("orders_versions", "orders", ["first", "version"], unique=True)
    with op.batch_alter_table("order_alarms") as batch:
        batch.drop_constraint("order_alarms_kinds", type_="check")
        batch.create_check_constraint("order_alarms_kinds", _KINDS)
