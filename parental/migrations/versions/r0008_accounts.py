"""People: accounts, lines and profiles in the place of subscribers; children, caregivers, the household's own record.

A subscriber becomes an account, a line and a profile of its number: what images and records hold stays as it is.
"""

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0008"
down_revision = "0007"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.rename_table("subscribers", "lines")  # with it goes what refers to it: addresses, devices, tokens
    op.create_table(
        "accounts",
        Column("id", _NUMBER, primary_key=True, autoincrement=False),
        Column("name", String),
        Column("language", String),
        Column("created_s", BigInteger),
    )
    op.create_table(
        "profiles",
        Column("id", _NUMBER, primary_key=True, autoincrement=False),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("zone", String, nullable=False),
        Column("paused_until_s", BigInteger, nullable=False),
        Column("revision", BigInteger, nullable=False),
    )
    op.execute("INSERT INTO accounts (id) SELECT id FROM lines ORDER BY id")
    op.execute(
        "INSERT INTO profiles (id, account, zone, paused_until_s, revision) "
        "SELECT id, id, zone, paused_until_s, revision FROM lines ORDER BY id"
    )
    op.create_index("ix_profiles_account", "profiles", ["account"])
    op.create_index("ix_profiles_revision", "profiles", ["revision"])
    _change_lines()
    _change_rules()
    _change_held()
    _make_people()


def _change_lines() -> None:
    op.drop_index("ix_subscribers_revision", "lines")
    for name in ("account", "profile"):
        op.add_column("lines", Column(name, _NUMBER))
    op.execute("UPDATE lines SET account = id, profile = id")
    with op.batch_alter_table("lines") as batch:
        for name in ("zone", "paused_until_s", "revision"):
            batch.drop_column(name)
        for name in ("account", "profile"):
            batch.alter_column(name, existing_type=_NUMBER, nullable=False)
        batch.add_column(Column("province", String))
        batch.create_foreign_key("lines_account_fkey", "accounts", ["account"], ["id"], ondelete="CASCADE")
        batch.create_foreign_key("lines_profile_fkey", "profiles", ["profile"], ["id"])
    op.create_index("ix_lines_account", "lines", ["account"])
    op.create_index("ix_lines_profile", "lines", ["profile"])


def _change_rules() -> None:
    """Rules belong to a profile; in the order of their keys, so that tables are written from one end to the other."""
    keys_of: dict[str, list[Column[Any]]] = {
        "blocked_categories": [Column("category", String, primary_key=True)],
        "dns_wishes": [Column("safe_search", String, nullable=False), Column("canaries", Boolean, nullable=False)],
        "closed_intervals": [
            Column("weekday", Integer, primary_key=True),
            Column("start_minute", Integer, primary_key=True),
            Column("minutes", Integer, primary_key=True),
        ],
    }
    for table, columns in keys_of.items():
        op.rename_table(table, f"{table}_of_subscribers")
        of_profile = ForeignKey("profiles.id", ondelete="CASCADE")
        op.create_table(table, Column("profile", _NUMBER, of_profile, primary_key=True), *columns)
        names = ", ".join(column.name for column in columns)
        order = ", ".join(["subscriber", *(column.name for column in columns if column.primary_key)])
        op.execute(
            f"INSERT INTO {table} (profile, {names}) "
            f"SELECT subscriber, {names} FROM {table}_of_subscribers ORDER BY {order}"
        )
        op.drop_table(f"{table}_of_subscribers")


def _change_held() -> None:
    op.drop_index("ix_addresses_subscriber", "addresses")
    for table in ("addresses", "devices"):
        with op.batch_alter_table(table) as batch:
            batch.alter_column("subscriber", new_column_name="line")
            batch.add_column(Column("profile", _NUMBER))
            batch.create_foreign_key(f"{table}_profile_fkey", "profiles", ["profile"], ["id"], ondelete="SET NULL")
    op.create_index("ix_addresses_line", "addresses", ["line"])
    own = text("profile IS NOT NULL")
    op.create_index("addresses_by_profile", "addresses", ["profile"], sqlite_where=own, postgresql_where=own)
    op.create_index("devices_by_profile", "devices", ["profile"])


def _make_people() -> None:
    op.create_table(
        "caregivers",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("nickname", String, nullable=False),
        Column("role", String, nullable=False),
        Column("state", String, nullable=False),
        Column("phone", LargeBinary),
        Column("phone_digest", LargeBinary, index=True),
        Column("invited_by", _NUMBER, ForeignKey("caregivers.id", ondelete="SET NULL")),
        Column("invited_s", BigInteger, nullable=False),
        Column("invitation", LargeBinary, unique=True),
        Column("invitation_ends_s", BigInteger),
        UniqueConstraint("account", "phone_digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "children",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("nickname", String, nullable=False),
        Column("birth_year", Integer),
        Column("drawing", String),
        Column("profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "household_events",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("time_s", BigInteger, nullable=False, index=True),
        Column("by_kind", String, nullable=False),
        Column("by_name", String, nullable=False),
        Column("by_role", String, nullable=False),
        Column("action", String, nullable=False),
        Column("about", Text, nullable=False),
        Index("household_events_by_account", "account", "id"),
        sqlite_autoincrement=True,
    )
