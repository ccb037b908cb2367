"""People of the desk, what they sign in with, and who is signed in.

    staff             one row a person, forever: its number stands in the ledger
    staff_passwords   Argon2id, with the secret of the one-time codes sealed under a key that is not in the database
    passkeys          WebAuthn: the public half
    enrolment_codes   single use, by which a person sets one of the two
    staff_sessions    who is signed in at the desk

Invariants: codes and sessions are stored as SHA-256 only; a person is disabled, or ends, and is never deleted.
Source: RFC 9106 (Argon2), RFC 6238 (TOTP), W3C Web Authentication.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    LargeBinary,
    String,
    Table,
)

from parental.store.schema.base import Number, metadata

staff = Table(
    "staff",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String, nullable=False),
    Column("mail", String, nullable=False, unique=True),  # in small letters: what a person signs in with
    Column("role", String, nullable=False),
    Column("group", String, nullable=False),  # of two who must agree on a thing, no two are of one group
    Column("state", String, nullable=False),  # active | disabled
    Column("created_s", BigInteger, nullable=False),
    Column("disabled_s", BigInteger),
    Column("last_login_s", BigInteger),
    Column("ends_s", BigInteger),  # from then on as good as disabled; none: no end
    sqlite_autoincrement=True,
)
staff_passwords = Table(
    "staff_passwords",
    metadata,
    Column("staff", Number, ForeignKey("staff.id"), primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("totp", LargeBinary, nullable=False),  # sealed
    Column("totp_step", BigInteger, nullable=False),  # the last that was used: no code counts twice
    Column("set_s", BigInteger, nullable=False),
)
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Number, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, index=True),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),  # COSE (RFC 9053)
    Column("sign_count", BigInteger, nullable=False),
    Column("label", String, nullable=False),
    Column("set_s", BigInteger, nullable=False),
    Column("last_used_s", BigInteger),
    Column("vouched_s", BigInteger),  # when someone on the box said whose it is; none: it approves no order
    sqlite_autoincrement=True,
)
enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, unique=True),
    Column("expires_s", BigInteger, nullable=False),
    Column("totp", LargeBinary),  # the secret that was shown, sealed
)
staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, index=True),
    Column("method", String, nullable=False),  # password | passkey
    Column("created_s", BigInteger, nullable=False),
    Column("seen_s", BigInteger, nullable=False),  # to the minute
)
