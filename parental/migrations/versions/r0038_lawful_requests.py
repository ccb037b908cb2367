"""The register of lawful requests."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String, UniqueConstraint

revision = "0038"
down_revision = "0037"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lawful_requests",
        Column("id", _NUMBER, primary_key=True),
        Column("authority", String, nullable=False),
        Column("reference", String, nullable=False),
        Column("basis", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("issued", String, nullable=False),
        Column("recorded_s", BigInteger, nullable=False),
        Column("recorded_by", String, nullable=False),
        Column("answer", String),
        Column("answered_s", BigInteger),
        Column("answered_by", String),
        Column("answered_group", String),
        Column("agreed_s", BigInteger),
        Column("agreed_by", String),
        Column("agreed_group", String),
        UniqueConstraint("authority", "reference"),
        CheckConstraint(
            "kind IN ('interception', 'identity', 'traffic', 'preservation', 'records', 'other')",
            name="lawful_requests_kinds",
        ),
        CheckConstraint(
            "answer IN ('outside', 'nothing', 'refused', 'hold', 'records')",
            name="lawful_requests_answers",
        ),
        CheckConstraint(
            "(answer IS NULL) = (answered_s IS NULL) AND (answer IS NULL) = (answered_by IS NULL) "
            "AND (agreed_s IS NULL) = (agreed_by IS NULL) AND (agreed_s IS NULL) = (agreed_group IS NULL)",
            name="lawful_requests_whole",
        ),
        CheckConstraint(
            "agreed_s IS NULL OR (answer IN ('hold', 'records') AND answered_group IS NOT NULL "
            "AND agreed_by <> answered_by AND agreed_group <> answered_group)",
            name="lawful_requests_by_two_persons",
        ),
        sqlite_autoincrement=True,
    )
