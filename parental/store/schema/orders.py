"""Orders and their entries.

    orders        letters, pushed over the API or named by a list file
    entries       what an order that was pushed directs
    entry_parts   the rules that an entry makes in addition to its own name or URL: of an address, or of a host blocked
    whole
    approvals     what two persons agree to: of one entry, an order as a whole, a version of a list, a legal hold, or
                  what pages name
    approval_signatures   the passkeys' signatures of both persons, as their authenticators gave them
    approval_refusals     proposals that a person of the desk has refused
    order_steps   how far an order has come, step by step
    order_files   where the file of an order stands in its original
    letters       what list files hold of an order, counted; each base that all workers serve replaces all of them

Invariants: nothing is deleted; the number of an order stands in records and is never given twice; a new entry is never
in force, which a trigger holds (revision 0009); the two persons of an approval differ, and so do their groups.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from parental.store.schema.base import Number, metadata

orders = Table(
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
    Column("sha256", LargeBinary, nullable=False),  # of the order's content: spaces and the order of keys do not matter
    Column("original", LargeBinary, nullable=False),  # byte for byte as received
    Column("receipt", Text),  # of the enforcement
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("withdrawal_receipt", Text),
    # What the issuer's key has signed, so that anyone can check it again; none: it had no key.
    Column("signed_base", LargeBinary),  # RFC 9421 §2.5; its Content-Digest is of `original`
    Column("signature", LargeBinary),
    Column("signing_key", LargeBinary),
    Column("confirm_by_s", BigInteger),  # of an emergency order: it lapses then, unless two persons have agreed
    # A correction is an order of its own, with a reference of its own: a later version of the first one.
    Column("first", BigInteger),  # the order of which it is a version; none: it is the first
    Column("version", Integer, nullable=False, server_default="1"),
    Column("replaced_by", BigInteger),  # the version that control has put in force instead
    Column("pushed_by", String),  # who brought it, as the ledger names actors: kind and name
    Column("review_s", BigInteger),  # from then on someone is to look whether it is still needed
    Column("expires_s", BigInteger),  # it lapses then, as it was ordered
    Column("expired_ms", BigInteger),  # when control, by its trusted clock, has seen that
    # It is counted and not enforced, until two persons let it in; see parental.store.schema.canaries.
    Column("is_shadow", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("issuer", "ref"),
    Index("orders_versions", "first", "version", unique=True),  # of two corrections at once one is refused
    sqlite_autoincrement=True,  # a number stands in records: it is never given twice
)
order_steps = Table(
    "order_steps",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("n", Integer, primary_key=True),  # from 1
    Column("state", String, nullable=False),  # see mgmt.orders.phases.states
    Column("at_ms", BigInteger, nullable=False),
    Column("by", String, nullable=False),  # the part of filterd that took it
    CheckConstraint(
        "state IN ('received', 'validated', 'pending_approval', 'approved', 'canary', 'enforced', 'verified', "
        "'confirmed', 'rejected', 'held_by_rail', 'partially_enforced', 'rolled_back', 'withdrawn', 'expired', "
        "'shadow')",
        name="order_steps_states",
    ),
)
order_files = Table(
    "order_files",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("begin", Integer, nullable=False),  # octets of orders.original before it
    Column("octets", Integer, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("encoding", String, nullable=False),  # as it was read
)
letters = Table(
    "letters",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("list", String, primary_key=True),
    Column("status", String, primary_key=True),  # of so many of its entries
    Column("n", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),  # the base that was counted
    Column("served_ms", BigInteger, nullable=False),
)
entries = Table(
    "entries",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1, in the order pushed
    Column("value", Text, nullable=False),  # as pushed
    Column("wire", LargeBinary),  # canonical name or URL; absent where the value is neither
    Column("mode", String),  # exact | subtree; of a URL url | url-prefix; of an address or prefix address
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("generation", BigInteger),  # the first that held it; of a pending one 0: control has let it in
    Column("enforced_ms", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    Column("withdrawn_ms", BigInteger),  # when it was asked to be taken back
    Column("withdrawal_reason", Text),
    Column("approval", BigInteger),  # that it is in force by
    Column("place", String),  # in the file that it came with
    Column("canary", BigInteger),  # by which control has let it in, see parental.store.schema.canaries
    Index("entries_by_wire", "wire"),
)
entry_parts = Table(
    "entry_parts",
    metadata,
    Column("order", Number, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("wire", LargeBinary, primary_key=True),
    Column("mode", String, primary_key=True),
    Column("is_host", Boolean, nullable=False),  # a URL's: in force only while an approval holds
    ForeignKeyConstraint(["order", "number"], ["entries.order", "entries.number"]),
    Index("entry_parts_by_wire", "wire"),
)
approvals = Table(
    "approvals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), index=True),  # none: it is of a list, a hold or pages
    Column("number", Integer),  # of the entry; none: the order as a whole
    # broader | held | emergency | sealed | enforce | rollback | legal-hold | legal-hold-release | settings
    Column("kind", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of what both persons agreed to
    Column("reason", Text, nullable=False),
    Column("reference", String, nullable=False),  # of the authority's or the operator's own letter
    Column("collateral", Text, nullable=False),  # what else is closed
    Column("owner_consent", Text),  # of the list's owner, where the matter is child abuse material
    Column("proposer", String, nullable=False),
    Column("proposer_group", String, nullable=False),
    Column("proposer_account", String, nullable=False),  # of the box, which ran the command
    Column("proposed_s", BigInteger, nullable=False),
    Column("approver", String),
    Column("approver_group", String),
    Column("approver_account", String),
    Column("approved_s", BigInteger),
    Column("expires_s", BigInteger),  # at the end of it; none: it does not end
    Column("lapsed_ms", BigInteger),  # when control saw that it had ended
    # names: said on the box, by anyone who owns the tables; desk: signed, see approval_signatures.  Web cannot write
    # it.
    Column("way", String, nullable=False, server_default="desk"),
    Column("list", String),  # that goes back to an earlier version
    Column("list_from", String),  # the version that is good when it is proposed: SHA-256, in hex
    Column("list_to", String),  # the one that shall be
    Column("hold", Number, ForeignKey("legal_holds.id")),  # that begins, or is released before its end
    Column("settings", Text),  # of pages, before and after: JSON, see mgmt.registers.settings.agreement
    CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
    CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
    CheckConstraint(
        "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
        name="approvals_whole",
    ),
    CheckConstraint(  # but a legal hold for a year
        "kind IN ('emergency', 'sealed', 'enforce') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= "
        "CASE kind WHEN 'legal-hold' THEN 31622400 ELSE 2592000 END)",
        name="approvals_for_thirty_days",
    ),
    CheckConstraint(
        "kind IN ('broader', 'held', 'emergency', 'sealed', 'enforce', 'rollback', 'legal-hold', 'legal-hold-release', "
        "'settings')",
        name="approvals_kinds",
    ),
    CheckConstraint(
        "(kind IN ('rollback', 'legal-hold', 'legal-hold-release', 'settings')) = (\"order\" IS NULL) "
        "AND (kind = 'rollback') = (list IS NOT NULL) "
        "AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS NULL) "
        "AND (kind IN ('legal-hold', 'legal-hold-release')) = (hold IS NOT NULL) "
        "AND (kind = 'settings') = (settings IS NOT NULL)",
        name="approvals_of_one_thing",
    ),
    sqlite_autoincrement=True,
)
approval_signatures = Table(
    "approval_signatures",
    metadata,
    Column("approval", Number, ForeignKey("approvals.id"), primary_key=True),
    Column("part", String, primary_key=True),  # proposed | approved
    Column("credential", LargeBinary, nullable=False, index=True),  # of the passkey
    Column("authenticator_data", LargeBinary, nullable=False),
    Column("client_data", LargeBinary, nullable=False),  # JSON, as the browser made it
    Column("signature", LargeBinary, nullable=False),  # over the two
    Column("signed_s", BigInteger, nullable=False),
    UniqueConstraint("approval", "credential", name="approval_signatures_by_two_passkeys"),
    CheckConstraint("part IN ('proposed', 'approved')", name="approval_signatures_parts"),
)
approval_refusals = Table(
    "approval_refusals",
    metadata,
    Column("approval", Number, ForeignKey("approvals.id"), primary_key=True, autoincrement=False),
    Column("by", String, nullable=False),  # the person's mail address
    Column("reason", Text, nullable=False),
    Column("refused_s", BigInteger, nullable=False),
)
