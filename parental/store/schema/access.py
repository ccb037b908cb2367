"""Tokens of the API, what families sign in with, and the issuers for whom regulators' tokens speak.

    sessions      who is signed in at the family pages: a caregiver, or the household of a token
    login_codes   one-time codes sent to telephones, each for the browser that asked
    family_pins   what a household proves before a rule is loosened

Invariants: tokens and sessions are stored as SHA-256 only, one-time codes as keyed digests, PINs by Argon2id;
the number of a token stands in the ledger and is never given twice; an issuer is named by the name that its orders
have, which never changes.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from parental.store.schema.base import Number, metadata

issuers = Table(
    "issuers",
    metadata,
    Column("name", String, primary_key=True),
    Column("categories", Text),  # that its orders may have, with spaces between them; absent: any
    Column("scopes", Text),  # likewise
    Column("contact", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_s", BigInteger, nullable=False),
)
issuer_keys = Table(
    "issuer_keys",
    metadata,
    Column("public_key", LargeBinary, primary_key=True),  # Ed25519, 32 octets
    Column("issuer", String, ForeignKey("issuers.name"), nullable=False, index=True),
    Column("from_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),
)
client_certificates = Table(
    "client_certificates",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),  # of the certificate, DER
    Column("issuer", String, ForeignKey("issuers.name")),  # whose it is; else the person's
    Column("staff", Number, ForeignKey("staff.id")),
    Column("put_s", BigInteger, nullable=False),
    Column("ended_s", BigInteger),
    CheckConstraint("(issuer IS NULL) <> (staff IS NULL)", name="client_certificates_of_one"),
)
push_nonces = Table(
    "push_nonces",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # of the issuer
    Column("nonce", String, primary_key=True),
    Column("until_s", BigInteger, nullable=False, index=True),  # then what it was in is too old anyway
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("roles", String, nullable=False),  # sorted, with spaces between them
    Column("scopes", Text),  # the only permissions of these roles that it has, likewise; absent: all of them
    Column("subscriber", Number, ForeignKey("lines.id", ondelete="CASCADE")),  # of a household's token
    Column("issuer", String, ForeignKey("issuers.name")),  # for whom a regulator's speaks; of one without: for no one
    Column("label", String, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("last_used_s", BigInteger),  # to the hour
    Column("made_by", String, nullable=False),
    sqlite_autoincrement=True,
)
sessions = Table(
    "sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("token", Number, ForeignKey("tokens.id", ondelete="CASCADE")),  # by which its household came in
    Column("caregiver", Number, ForeignKey("caregivers.id", ondelete="CASCADE")),  # or who did
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("pin_until_s", BigInteger, nullable=False, server_default="0"),  # until then its PIN is not asked again
    Column("pin_from_s", BigInteger, nullable=False, server_default="0"),  # when it was proven: a clock can go back
    Column("receipt", Text),  # what the last tap has done, shown until the next one
    Column("forms", Integer, nullable=False, server_default="0"),  # that it has spent
    Column("spent", Text),  # the last of them, with spaces between them
    CheckConstraint("(token IS NULL) <> (caregiver IS NULL)", name="sessions_of_one"),
)
login_codes = Table(
    "login_codes",
    metadata,
    Column("asked_by", LargeBinary, primary_key=True),  # SHA-256 of the cookie of the browser that asked
    Column("phone_digest", LargeBinary, nullable=False, index=True),
    Column("code", LargeBinary, nullable=False),  # a keyed digest
    Column("asked_s", BigInteger, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
)
family_pins = Table(
    "family_pins",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("set_s", BigInteger, nullable=False),
    Column("wrong", Integer, nullable=False),  # tries since it was right
    Column("waits_until_s", BigInteger, nullable=False),
)
