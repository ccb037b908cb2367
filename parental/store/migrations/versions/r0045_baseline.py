"""All tables of release 0.1.0.  The revisions of the builds before it, 0001 to 0045, became this one.

A database that those builds brought to 0045 has these tables, and is left as it is.
Invariants: nothing here follows what the tables become; triggers let no one change the ledger, nor add an entry of an
order that is in force already.
"""

from collections.abc import Iterator

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

revision = "0045"
down_revision = None

metadata = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")

Table(
    "issuers",
    metadata,
    Column("name", String, primary_key=True),
    Column("categories", Text),
    Column("scopes", Text),
    Column("contact", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_s", BigInteger, nullable=False),
)
Table(
    "issuer_keys",
    metadata,
    Column("public_key", LargeBinary, primary_key=True),
    Column("issuer", String, ForeignKey("issuers.name"), nullable=False, index=True),
    Column("from_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),
)
Table(
    "client_certificates",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("issuer", String, ForeignKey("issuers.name")),
    Column("staff", Number, ForeignKey("staff.id")),
    Column("put_s", BigInteger, nullable=False),
    Column("ended_s", BigInteger),
    CheckConstraint("(issuer IS NULL) <> (staff IS NULL)", name="client_certificates_of_one"),
)
Table(
    "push_nonces",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("nonce", String, primary_key=True),
    Column("until_s", BigInteger, nullable=False, index=True),
)
Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("roles", String, nullable=False),
    Column("subscriber", Number, ForeignKey("lines.id", ondelete="CASCADE")),
    Column("created_s", BigInteger, nullable=False),
    Column("issuer", String, ForeignKey("issuers.name", name="tokens_issuer_fkey")),
    Column("scopes", Text),
    Column("label", String, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Column("last_used_s", BigInteger),
    Column("made_by", String, nullable=False),
    sqlite_autoincrement=True,
)
Table(
    "sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("token", Number, ForeignKey("tokens.id", ondelete="CASCADE")),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("receipt", Text),
    Column("caregiver", Number, ForeignKey("caregivers.id", name="sessions_caregiver_fkey", ondelete="CASCADE")),
    Column("pin_until_s", BigInteger, nullable=False, server_default="0"),
    Column("pin_from_s", BigInteger, nullable=False, server_default="0"),
    Column("forms", Integer, nullable=False, server_default="0"),
    Column("spent", Text),
    CheckConstraint("(token IS NULL) <> (caregiver IS NULL)", name="sessions_of_one"),
)
Table(
    "login_codes",
    metadata,
    Column("asked_by", LargeBinary, primary_key=True),
    Column("phone_digest", LargeBinary, nullable=False, index=True),
    Column("code", LargeBinary, nullable=False),
    Column("asked_s", BigInteger, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
)
Table(
    "family_pins",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("set_s", BigInteger, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("waits_until_s", BigInteger, nullable=False),
)
Table(
    "household_calendars",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("school_days", Integer, nullable=False),
    Column("follows_announced", Boolean, nullable=False),
    Column("shift_days", Integer, nullable=False),
    Column("city", String),
)
Table(
    "day_ranges",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("day_set", String, nullable=False),
    Column("first", String, nullable=False),
    Column("last", String),
)
Table(
    "cards",
    metadata,
    Column("id", Number, primary_key=True),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("label", String, nullable=False),
    Column("days", Integer, nullable=False),
    Column("start_minute", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("day_sets", String, nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("allowed", Text),
    Column("pack", String),
    Column("begins", String),
    Column("ends", String),
    sqlite_autoincrement=True,
)
Table(
    "time_spans",
    metadata,
    Column("id", Number, primary_key=True),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("from_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False, index=True),
    Column("by_kind", String, nullable=False),
    Column("by_name", String, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Table(
    "quotas",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("minutes", Integer, nullable=False),
    Column("day", String, nullable=False),
    Column("used_s", Integer, nullable=False),
    Column("started_s", BigInteger),
    Column("ends_s", BigInteger, index=True),
)
Table(
    "ticket_keys",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
Table(
    "tickets",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("revoked_s", BigInteger),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,
)
Table(
    "ticket_uses",
    metadata,
    Column("ticket", Number, ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True),
    Column("profile", Number, nullable=False),
    Column("used_s", BigInteger, nullable=False),
)
Table(
    "order_canaries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("gateway", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("n_entries", Integer, nullable=False),
    Column("begun_s", BigInteger, nullable=False),
    Column("since_s", BigInteger),
    Column("until_s", BigInteger),
    Column("n_blocks", BigInteger, nullable=False, server_default="0"),
    Column("peak", BigInteger, nullable=False, server_default="0"),
    Column("outcome", String),
    Column("reason", Text),
    Column("ended_s", BigInteger),
    Column("nonce", String),
    Column("alarmed_ms", BigInteger),
    Column("baseline", Float),
    CheckConstraint("outcome IN ('passed', 'rolled_back', 'over')", name="order_canaries_outcomes"),
    Index(
        "order_canaries_open",
        "order",
        unique=True,
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
    sqlite_autoincrement=True,
)
Table(
    "canary_minutes",
    metadata,
    Column("canary", Number, ForeignKey("order_canaries.id"), primary_key=True, autoincrement=False),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
Table(
    "gateway_minutes",
    metadata,
    Column("gateway", String, primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
)
Table(
    "gateway_settings",
    metadata,
    Column("node", String, primary_key=True),
    Column("gateway", String, nullable=False),
    Column("canary", Text, nullable=False),
    Column("at_s", BigInteger, nullable=False),
)
Table(
    "order_shadows",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("place", Integer),
    Column("revision", BigInteger, nullable=False),
    Column("begun_s", BigInteger, nullable=False),
    Column("since_s", BigInteger),
    Column("ended_s", BigInteger),
    Column("outcome", String),
    CheckConstraint("outcome IN ('let_in', 'over')", name="order_shadows_outcomes"),
    CheckConstraint("(outcome IS NULL) = (ended_s IS NULL)", name="order_shadows_ended"),
    Index(
        "order_shadows_open",
        "order",
        unique=True,
        sqlite_where=text("ended_s IS NULL"),
        postgresql_where=text("ended_s IS NULL"),
    ),
    Index(
        "order_shadows_places",
        "place",
        unique=True,
        sqlite_where=text("ended_s IS NULL"),
        postgresql_where=text("ended_s IS NULL"),
    ),
    sqlite_autoincrement=True,
)
Table(
    "order_shadow_counts",
    metadata,
    Column("shadow", Number, ForeignKey("order_shadows.id"), primary_key=True, autoincrement=False),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
Table(
    "verifications",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("report", Text, nullable=False),
    CheckConstraint("state IN ('open', 'too_wide', 'incomplete', 'verified')", name="verifications_states"),
    sqlite_autoincrement=True,
)
Table(
    "confirmations",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("verification", Number, ForeignKey("verifications.id")),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
Table(
    "order_alarms",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("kind", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    CheckConstraint("kind IN ('50', 'review', '75', '90', 'overdue', 'before')", name="order_alarms_kinds"),
)
Table(
    "order_notices",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("receiver", String, nullable=False),
    Column("key", String, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("due_s", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("fault", Text),
    CheckConstraint("state IN ('waiting', 'sent', 'dropped', 'given_up')", name="order_notices_states"),
    Index("order_notices_waiting", "state", "due_s"),
    sqlite_autoincrement=True,
)
Table(
    "idempotency_keys",
    metadata,
    Column("holder", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("began_s", BigInteger, nullable=False, index=True),
    Column("status", Integer),
    Column("location", String),
    Column("answer", LargeBinary),
)
Table(
    "ledger_events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("text", Text),
    Column("leaf", LargeBinary, nullable=False),
)
Table(
    "ledger_salts",
    metadata,
    Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
)
Table(
    "ledger_redactions",
    metadata,
    Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
    Column("by_number", Number, ForeignKey("ledger_events.number"), nullable=False, unique=True),
)
Table(
    "ledger_checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
Table(
    "ledger_keys",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("vkey", String, nullable=False, unique=True),
)
Table(
    "trusted_clock",
    metadata,
    Column("node", String, primary_key=True),
    Column("time_s", Float, nullable=False),
    Column("boot_s", Float, nullable=False),
    Column("boot_id", String, nullable=False),
    Column("ahead_since_s", BigInteger),
)
Table(
    "revisions",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
Table(
    "profiles",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("zone", String, nullable=False),
    Column("paused_until_s", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)
Table(
    "lines",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("label", String, nullable=False),
    Column(
        "account",
        Number,
        ForeignKey("accounts.id", name="lines_account_fkey", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("profile", Number, ForeignKey("profiles.id", name="lines_profile_fkey"), nullable=False, index=True),
    Column("province", String),
)
Table(
    "addresses",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("first", LargeBinary, primary_key=True),
    Column("last", LargeBinary, nullable=False),
    Column("prefix_length", Integer, nullable=False),
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("profile", Number, ForeignKey("profiles.id", name="addresses_profile_fkey", ondelete="SET NULL")),
    Index(
        "addresses_by_profile",
        "profile",
        sqlite_where=text("profile IS NOT NULL"),
        postgresql_where=text("profile IS NOT NULL"),
    ),
)
Table(
    "line_names",
    metadata,
    Column("name", String, primary_key=True),
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False, index=True),
)
Table(
    "released_addresses",
    metadata,
    Column("prefix", String, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
)
Table(
    "revision_times",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("time_s", BigInteger, nullable=False),
)
Table(
    "blocked_categories",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("category", String, primary_key=True),
)
Table(
    "dns_wishes",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("safe_search", String, nullable=False),
    Column("canaries", Boolean, nullable=False),
    Column("youtube", String, nullable=False, server_default="off"),
)
Table(
    "household_names",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("is_allowed", Boolean, nullable=False),
)
Table(
    "closed_intervals",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("weekday", Integer, primary_key=True),
    Column("start_minute", Integer, primary_key=True),
    Column("minutes", Integer, primary_key=True),
    Column("allowed", String),
)
Table(
    "devices",
    metadata,
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("profile", Number, ForeignKey("profiles.id", name="devices_profile_fkey", ondelete="SET NULL")),
    Index("devices_by_profile", "profile"),
)
Table(
    "orders",
    metadata,
    Column("id", Number, primary_key=True),
    Column("issuer", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("ground", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("deadline_s", BigInteger),
    Column("is_emergency", Boolean, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("receipt", Text),
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("withdrawal_receipt", Text),
    Column("confirm_by_s", BigInteger),
    Column("signed_base", LargeBinary),
    Column("signature", LargeBinary),
    Column("signing_key", LargeBinary),
    Column("first", BigInteger),
    Column("review_s", BigInteger),
    Column("expires_s", BigInteger),
    Column("replaced_by", BigInteger),
    Column("expired_ms", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("pushed_by", String),
    Column("is_shadow", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("issuer", "ref"),
    Index("orders_versions", "first", "version", unique=True),
    sqlite_autoincrement=True,
)
Table(
    "order_steps",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("state", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String, nullable=False),
    CheckConstraint(
        "state IN ('received', 'validated', 'pending_approval', 'approved', 'canary', 'enforced', 'verified', "
        "'confirmed', 'rejected', 'held_by_rail', 'partially_enforced', 'rolled_back', 'withdrawn', 'expired', "
        "'shadow')",
        name="order_steps_states",
    ),
)
Table(
    "order_files",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("begin", Integer, nullable=False),
    Column("octets", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("encoding", String, nullable=False),
)
Table(
    "letters",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("list", String, primary_key=True),
    Column("status", String, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("served_ms", BigInteger, nullable=False),
)
Table(
    "entries",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("value", Text, nullable=False),
    Column("wire", LargeBinary),
    Column("mode", String),
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("generation", BigInteger),
    Column("enforced_ms", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("approval", BigInteger),
    Column("place", String),
    Column("canary", BigInteger),
    Index("entries_by_wire", "wire"),
)
Table(
    "entry_parts",
    metadata,
    Column("order", Number, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("wire", LargeBinary, primary_key=True),
    Column("mode", String, primary_key=True),
    Column("is_host", Boolean, nullable=False),
    ForeignKeyConstraint(["order", "number"], ["entries.order", "entries.number"]),
    Index("entry_parts_by_wire", "wire"),
)
Table(
    "approvals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), index=True),
    Column("number", Integer),
    Column("kind", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reference", String, nullable=False),
    Column("collateral", Text, nullable=False),
    Column("owner_consent", Text),
    Column("proposer", String, nullable=False),
    Column("proposer_group", String, nullable=False),
    Column("proposer_account", String, nullable=False),
    Column("proposed_s", BigInteger, nullable=False),
    Column("approver", String),
    Column("approver_group", String),
    Column("approver_account", String),
    Column("approved_s", BigInteger),
    Column("expires_s", BigInteger),
    Column("lapsed_ms", BigInteger),
    Column("way", String, nullable=False, server_default="desk"),
    Column("list", String),
    Column("list_from", String),
    Column("list_to", String),
    Column("hold", Number, ForeignKey("legal_holds.id")),
    Column("settings", Text),
    CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
    CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
    CheckConstraint(
        "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
        name="approvals_whole",
    ),
    CheckConstraint(
        "kind IN ('emergency', 'sealed', 'enforce') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= CASE "
        "kind WHEN 'legal-hold' THEN 31622400 ELSE 2592000 END)",
        name="approvals_for_thirty_days",
    ),
    CheckConstraint(
        "kind IN ('broader', 'held', 'emergency', 'sealed', 'enforce', 'rollback', 'legal-hold', "
        "'legal-hold-release', 'settings')",
        name="approvals_kinds",
    ),
    CheckConstraint(
        "(kind IN ('rollback', 'legal-hold', 'legal-hold-release', 'settings')) = (\"order\" IS NULL) AND (kind = "
        "'rollback') = (list IS NOT NULL) AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS "
        "NULL) AND (kind IN ('legal-hold', 'legal-hold-release')) = (hold IS NOT NULL) AND (kind = 'settings') = "
        "(settings IS NOT NULL)",
        name="approvals_of_one_thing",
    ),
    sqlite_autoincrement=True,
)
Table(
    "approval_signatures",
    metadata,
    Column("approval", Number, ForeignKey("approvals.id"), primary_key=True),
    Column("part", String, primary_key=True),
    Column("credential", LargeBinary, nullable=False, index=True),
    Column("authenticator_data", LargeBinary, nullable=False),
    Column("client_data", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("signed_s", BigInteger, nullable=False),
    UniqueConstraint("approval", "credential", name="approval_signatures_by_two_passkeys"),
    CheckConstraint("part IN ('proposed', 'approved')", name="approval_signatures_parts"),
)
Table(
    "approval_refusals",
    metadata,
    Column("approval", Number, ForeignKey("approvals.id"), primary_key=True, autoincrement=False),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_s", BigInteger, nullable=False),
)
Table(
    "accounts",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("name", String),
    Column("language", String),
    Column("created_s", BigInteger),
    Column("report_days", Integer),
)
Table(
    "safeguarding_contacts",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, nullable=False),
    Column("number", String, nullable=False),
)
Table(
    "caregivers",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("nickname", String, nullable=False),
    Column("role", String, nullable=False),
    Column("state", String, nullable=False),
    Column("phone", LargeBinary),
    Column("phone_digest", LargeBinary, index=True),
    Column("invited_by", Number, ForeignKey("caregivers.id", ondelete="SET NULL")),
    Column("invited_s", BigInteger, nullable=False),
    Column("invitation", LargeBinary, unique=True),
    Column("invitation_ends_s", BigInteger),
    Column("answers_by_message", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("account", "phone_digest"),
    sqlite_autoincrement=True,
)
Table(
    "children",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("nickname", String, nullable=False),
    Column("birth_year", Integer),
    Column("drawing", String),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, unique=True),
    sqlite_autoincrement=True,
)
Table(
    "daily_totals",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("day", String, primary_key=True, index=True),
    Column("what", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
Table(
    "household_events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("by_kind", String, nullable=False),
    Column("by_name", String, nullable=False),
    Column("by_role", String, nullable=False),
    Column("action", String, nullable=False),
    Column("about", Text, nullable=False),
    Column("child_name", String),
    Index("household_events_by_account", "account", "id"),
    sqlite_autoincrement=True,
)
Table(
    "blocks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("action", String, nullable=False),
    Column("list", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("order", Number, nullable=False),
    Column("category", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("pseudonym", String, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("province", String, nullable=False, server_default="unknown"),
    UniqueConstraint(
        "time_s",
        "channel",
        "action",
        "list",
        "rule",
        "order",
        "category",
        "reason",
        "generation",
        "pseudonym",
        name="blocks_identical",
    ),
)
Table(
    "day_keys",
    metadata,
    Column("day", String, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
Table(
    "csam_counts",
    metadata,
    Column("hour_s", BigInteger, primary_key=True),
    Column("node", String, primary_key=True),
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
Table(
    "spool_positions",
    metadata,
    Column("worker", String, primary_key=True),
    Column("segment", String, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
Table(
    "list_counts",
    metadata,
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
Table(
    "confidential_totals",
    metadata,
    Column("worker", String, primary_key=True),
    Column("list", Integer, primary_key=True),
    Column("channel", Integer, primary_key=True),
    Column("total", BigInteger, nullable=False),
)
Table(
    "list_totals",
    metadata,
    Column("worker", String, primary_key=True),
    Column("list", Integer, primary_key=True),
    Column("channel", Integer, primary_key=True),
    Column("total", BigInteger, nullable=False),
)
Table(
    "legal_holds",
    metadata,
    Column("id", Number, primary_key=True),
    Column("since_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),
    Column("order", BigInteger),
    Column("list", String),
    Column("category", String),
    Column("subscriber", String),
    Column("keeps_keys", Boolean, nullable=False),
    Column("begun_ms", BigInteger),
    Column("gone_before_s", BigInteger),
    CheckConstraint("since_s < until_s", name="legal_holds_spans"),
    sqlite_autoincrement=True,
)
Table(
    "lawful_requests",
    metadata,
    Column("id", Number, primary_key=True),
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
    CheckConstraint("answer IN ('outside', 'nothing', 'refused', 'hold', 'records')", name="lawful_requests_answers"),
    CheckConstraint(
        "(answer IS NULL) = (answered_s IS NULL) AND (answer IS NULL) = (answered_by IS NULL) AND (agreed_s IS NULL)"
        " = (agreed_by IS NULL) AND (agreed_s IS NULL) = (agreed_group IS NULL)",
        name="lawful_requests_whole",
    ),
    CheckConstraint(
        "agreed_s IS NULL OR (answer IN ('hold', 'records') AND answered_group IS NOT NULL AND agreed_by <> "
        "answered_by AND agreed_group <> answered_group)",
        name="lawful_requests_by_two_persons",
    ),
    sqlite_autoincrement=True,
)
Table(
    "dns_sources",
    metadata,
    Column("node", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("told_s", BigInteger, nullable=False),
)
Table(
    "dns_source_statements",
    metadata,
    Column("id", Number, primary_key=True),
    Column("made_s", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)
Table(
    "dns_source_exports",
    metadata,
    Column("statement", Number, ForeignKey("dns_source_statements.id"), primary_key=True, autoincrement=False),
    Column("taken_s", BigInteger, nullable=False),
)
Table(
    "wrong_blocks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("reference", String, nullable=False, unique=True),
    Column("reason", String, nullable=False),
    Column("name", Text),
    Column("reported_s", BigInteger, nullable=False),
    Column("due", String, nullable=False),
    Column("times", Integer, nullable=False),
    Column("outcome", String),
    Column("answered_s", BigInteger),
    sqlite_autoincrement=True,
)
Table(
    "appeals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("reference", String, nullable=False, unique=True),
    Column("sealed", LargeBinary),
    Column("state", String, nullable=False),
    Column("received_s", BigInteger, nullable=False),
    Column("due_s", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("fault", Text),
    Column("sent_s", BigInteger),
    Column("outcome", String),
    Column("answered_s", BigInteger),
    CheckConstraint("state IN ('waiting', 'sent', 'answered')", name="appeals_states"),
    Index("appeals_waiting", "state", "due_s"),
    sqlite_autoincrement=True,
)
Table(
    "requests",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("minutes", Integer),
    Column("name", String),
    Column("why", String, nullable=False),
    Column("asked_s", BigInteger, nullable=False),
    Column("ends_s", BigInteger, nullable=False, index=True),
    Column("answer", String),
    Column("answered_s", BigInteger),
    Column("until_s", BigInteger),
    CheckConstraint("(minutes IS NULL) <> (name IS NULL)", name="requests_of_one"),
    Index("requests_by_account", "account", "id"),
    sqlite_autoincrement=True,
)
Table(
    "request_messages",
    metadata,
    Column("request", Number, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("caregiver", Number, ForeignKey("caregivers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("code", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("request_messages_by_caregiver", "caregiver"),
)
Table(
    "sealed_messages",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("format", String, nullable=False),
    Column("octets", LargeBinary, nullable=False),
)
Table(
    "sealed_readings",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("n_rules", Integer, nullable=False),
    Column("n_skipped", Integer, nullable=False),
    Column("fault", String),
    Column("read_ms", BigInteger, nullable=False),
)
Table(
    "desk_settings",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("value", Text),
    Column("set_s", BigInteger, nullable=False),
    Column("by_kind", String, nullable=False),
    Column("by_name", String, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("approval", BigInteger),
    sqlite_autoincrement=True,
)
Table(
    "staff",
    metadata,
    Column("id", Number, primary_key=True),
    Column("name", String, nullable=False),
    Column("mail", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("group", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("disabled_s", BigInteger),
    Column("last_login_s", BigInteger),
    Column("ends_s", BigInteger),
    sqlite_autoincrement=True,
)
Table(
    "staff_passwords",
    metadata,
    Column("staff", Number, ForeignKey("staff.id"), primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("totp", LargeBinary, nullable=False),
    Column("totp_step", BigInteger, nullable=False),
    Column("set_s", BigInteger, nullable=False),
)
Table(
    "passkeys",
    metadata,
    Column("id", Number, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, index=True),
    Column("credential", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", String, nullable=False),
    Column("set_s", BigInteger, nullable=False),
    Column("last_used_s", BigInteger),
    Column("vouched_s", BigInteger),
    sqlite_autoincrement=True,
)
Table(
    "enrolment_codes",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, unique=True),
    Column("expires_s", BigInteger, nullable=False),
    Column("totp", LargeBinary),
)
Table(
    "staff_sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("staff", Number, ForeignKey("staff.id"), nullable=False, index=True),
    Column("method", String, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("seen_s", BigInteger, nullable=False),
)
Table(
    "statistics_releases",
    metadata,
    Column("quarter", String, primary_key=True),
    Column("node", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("bypass", Text),
)
Table(
    "transparency_releases",
    metadata,
    Column("quarter", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("note", Text, nullable=False),
)

_PERMANENT = {"ledger_redactions": "number", "ledger_checkpoints": "size", "ledger_keys": "number"}  # nothing ever goes

_REDACTED = "EXISTS (SELECT 1 FROM ledger_redactions WHERE ledger_redactions.number = OLD.number)"
_ONLY_TEXT_GOES = (
    "NEW.text IS NULL AND NEW.number = OLD.number AND NEW.time_ms = OLD.time_ms AND NEW.kind = OLD.kind "
    f"AND NEW.leaf = OLD.leaf AND {_REDACTED}"
)
# (table, statement) → what alone is let through; '': nothing
_RULES = {
    ("ledger_events", "INSERT"): "NEW.number = (SELECT coalesce(max(number) + 1, 0) FROM ledger_events)",
    ("ledger_events", "UPDATE"): _ONLY_TEXT_GOES,
    ("ledger_events", "DELETE"): "",
    # An INSERT OR REPLACE of SQLite removes a row, and no trigger of DELETE sees it.
    ("ledger_salts", "INSERT"): "NOT EXISTS (SELECT 1 FROM ledger_salts WHERE number = NEW.number)",
    ("ledger_salts", "UPDATE"): "",
    ("ledger_salts", "DELETE"): _REDACTED,
}
for table, key in _PERMANENT.items():
    _RULES[table, "INSERT"] = f"NOT EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
    _RULES[table, "UPDATE"] = _RULES[table, "DELETE"] = ""

_IN_FORCE = "('enforced', 'enforced_http_only', 'enforced_broader', 'not_visible_over_https', 'shadow')"
_NOT_STORED = "entries: a new entry is not in force; control alone says that it is; not stored"
# (table, what PostgreSQL calls a constraint) → its name in databases of the builds before: a revision drops it by name
_NAMES = {
    ("addresses", "addresses_line_fkey"): "addresses_subscriber_fkey",
    ("blocked_categories", "blocked_categories_pkey"): "blocked_categories_pkey1",
    ("closed_intervals", "closed_intervals_pkey"): "closed_intervals_pkey1",
    ("devices", "devices_line_fkey"): "devices_subscriber_fkey",
    ("dns_wishes", "dns_wishes_pkey"): "dns_wishes_pkey1",
    ("lines", "lines_pkey"): "subscribers_pkey",
}


def upgrade() -> None:
    conn = op.get_bind()
    metadata.create_all(conn, checkfirst=False)
    is_sqlite = conn.dialect.name == "sqlite"
    for statement in _in_sqlite() if is_sqlite else _in_postgresql():
        conn.exec_driver_sql(statement)


def _in_sqlite() -> Iterator[str]:
    for (table, what), allowed in _RULES.items():
        when = f"WHEN NOT ({allowed}) " if allowed else ""
        yield (
            f"CREATE TRIGGER {table}_on_{what.lower()} BEFORE {what} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{_refusal(table, what)}'); END"
        )
    yield (
        f"CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries WHEN NEW.status IN {_IN_FORCE} "
        f"BEGIN SELECT RAISE(ABORT, '{_NOT_STORED}'); END"
    )


def _in_postgresql() -> Iterator[str]:
    for (table, name), other in _NAMES.items():
        yield f"ALTER TABLE {table} RENAME CONSTRAINT {name} TO {other}"
    for (table, what), allowed in {**_RULES, **{(table, "TRUNCATE"): "" for table, _ in _RULES}}.items():
        passes = f"IF {allowed} THEN RETURN {'OLD' if what == 'DELETE' else 'NEW'}; END IF; " if allowed else ""
        each = "STATEMENT" if what == "TRUNCATE" else "ROW"
        yield from _trigger(table, what, each, f"{passes}RAISE EXCEPTION '{_refusal(table, what)}';")
    refuses = f"IF NEW.status IN {_IN_FORCE} THEN RAISE EXCEPTION '{_NOT_STORED}'; END IF; RETURN NEW;"
    yield from _trigger("entries", "INSERT", "ROW", refuses)


def _trigger(table: str, what: str, each: str, does: str) -> Iterator[str]:
    name = f"{table}_on_{what.lower()}"
    # With a path of its own: a role could have a temporary table of the same name, which would be found first.
    yield (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ "
        f"BEGIN {does} END $$"
    )
    yield f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()"


def _refusal(table: str, what: str) -> str:
    if what == "INSERT":
        return f"{table}: rows are added after the last one, once each; not added"
    return f"{table}: rows are never changed or removed; nothing was done"
