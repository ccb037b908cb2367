"""People of the desk and what they sign in with; tokens that end, with scopes and a label; issuers as data.

A token of the role `operator` becomes one of the roles `compliance` and `engineer`, who together may do the same; every
token that there is ends a year after the upgrade.  An issuer that a token names becomes one of any category and scope.
"""

import time

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Text, text

revision = "0007"
down_revision = "0006"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_YEAR_S = 365 * 86400


def upgrade() -> None:
    _make_issuers()
    _change_tokens()
    _make_staff()


def _make_issuers() -> None:
    op.create_table(
        "issuers",
        Column("name", String, primary_key=True),
        Column("categories", Text),
        Column("scopes", Text),
        Column("contact", Text, nullable=False),
        Column("is_active", Boolean, nullable=False),
        Column("created_s", BigInteger, nullable=False),
    )
    op.create_table(
        "issuer_keys",
        Column("public_key", LargeBinary, primary_key=True),
        Column("issuer", String, ForeignKey("issuers.name"), nullable=False, index=True),
        Column("from_s", BigInteger, nullable=False),
        Column("until_s", BigInteger, nullable=False),
    )
    named = text(
        "INSERT INTO issuers (name, contact, is_active, created_s) "
        "SELECT issuer, '', :yes, MIN(created_s) FROM tokens WHERE issuer IS NOT NULL GROUP BY issuer"
    )
    op.execute(named.bindparams(yes=True))


def _change_tokens() -> None:
    op.execute("ALTER TABLE tokens RENAME COLUMN role TO roles")
    for column in (
        Column("scopes", Text),
        Column("label", String),
        Column("expires_s", BigInteger),
        Column("last_used_s", BigInteger),
        Column("made_by", String),
    ):
        op.add_column("tokens", column)
    op.execute("UPDATE tokens SET roles = 'compliance engineer' WHERE roles = 'operator'")
    ends = text("UPDATE tokens SET label = '', made_by = '', expires_s = :ends")
    op.execute(ends.bindparams(ends=int(time.time()) + _YEAR_S))
    # Made anew in SQLite, so that from now on it gives no number twice.
    with op.batch_alter_table("tokens", table_kwargs={"sqlite_autoincrement": True}) as tokens:
        for name, kind in (("label", String()), ("expires_s", BigInteger()), ("made_by", String())):
            tokens.alter_column(name, existing_type=kind, nullable=False)
        tokens.create_foreign_key("tokens_issuer_fkey", "issuers", ["issuer"], ["name"])


def _make_staff() -> None:
    op.create_table(
        "staff",
        Column("id", _NUMBER, primary_key=True),
        Column("name", String, nullable=False),
        Column("mail", String, nullable=False, unique=True),
        Column("role", String, nullable=False),
        Column("group", String, nullable=False),
        Column("state", String, nullable=False),
        Column("created_s", BigInteger, nullable=False),
        Column("disabled_s", BigInteger),
        Column("last_login_s", BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "staff_passwords",
        Column("staff", _NUMBER, ForeignKey("staff.id"), primary_key=True, autoincrement=False),
        Column("hash", String, nullable=False),
        Column("totp", LargeBinary, nullable=False),
        Column("totp_step", BigInteger, nullable=False),
        Column("set_s", BigInteger, nullable=False),
    )
    op.create_table(
        "passkeys",
        Column("id", _NUMBER, primary_key=True),
        Column("staff", _NUMBER, ForeignKey("staff.id"), nullable=False, index=True),
        Column("credential", LargeBinary, nullable=False, unique=True),
        Column("public_key", LargeBinary, nullable=False),
        Column("sign_count", BigInteger, nullable=False),
        Column("label", String, nullable=False),
        Column("set_s", BigInteger, nullable=False),
        Column("last_used_s", BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "enrolment_codes",
        Column("sha256", LargeBinary, primary_key=True),
        Column("staff", _NUMBER, ForeignKey("staff.id"), nullable=False, unique=True),
        Column("expires_s", BigInteger, nullable=False),
        Column("totp", LargeBinary),
    )
    op.create_table(
        "staff_sessions",
        Column("sha256", LargeBinary, primary_key=True),
        Column("staff", _NUMBER, ForeignKey("staff.id"), nullable=False, index=True),
        Column("method", String, nullable=False),
        Column("created_s", BigInteger, nullable=False),
        Column("seen_s", BigInteger, nullable=False),
    )
