"""Who may do what with which table, as PostgreSQL holds it: web proposes, control decides, one role writes records.

A process connects by an account of its own or by one of all, and acts as one of three roles.  SQLite knows no roles:
there the file's owner and group decide, see docs/internals/roles.md.
Invariants: what is here is all that a role may do; no one but filterd_ledger, the role of block records, reads the
keys of the days, and what it has written none of the others changes; web and control append to the ledger of events
(parental.store.schema.ledger), control alone signs it, and no role changes it; no role makes, changes or drops a table.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

WEB, CONTROL, LEDGER = "filterd_web", "filterd_control", "filterd_ledger"
ROLES = (WEB, CONTROL, LEDGER)
READ, APPEND, ALL = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE, DELETE"
COUNT = "SELECT, INSERT, UPDATE"
# What web may write of orders: what was asked, never what is in force.
_NEW_ORDER = "issuer, ref, ground, scope, deadline_s, is_emergency, received_ms, sha256, original, confirm_by_s, "
_NEW_ORDER += "signed_base, signature, signing_key, first, version, pushed_by, review_s, expires_s, is_shadow"
_PROPOSE_ORDER = f"SELECT, INSERT ({_NEW_ORDER}), UPDATE (withdrawn_ms, withdrawal_reason)"
_NEW_ENTRY = (
    '"order", number, value, wire, mode, status, reason, revision, place'  # a trigger refuses one that is in force
)
_PROPOSE_ENTRY = f"SELECT, INSERT ({_NEW_ENTRY}), UPDATE (withdrawn_ms, withdrawal_reason, revision)"
# A letter that a list names becomes an order.
_DECIDE_ORDER = "SELECT, INSERT, UPDATE (receipt, withdrawal_receipt, replaced_by, expired_ms)"
_DECIDE_ENTRY = "SELECT, UPDATE (status, reason, generation, enforced_ms, revision, approval, canary)"
_USE_PASSKEY = "SELECT, UPDATE (sign_count, last_used_s)"
# Whose a passkey is, web says; that it is so, someone on the box.
_NEW_PASSKEY = "INSERT (staff, credential, public_key, sign_count, label, set_s)"
_WORDS = "kind, digest, reason, reference, collateral, owner_consent, proposer, proposer_group, proposer_account"
_OF_OTHERS = "list, list_from, list_to, hold, settings"
_PROPOSE_APPROVAL = f'SELECT, INSERT ("order", number, {_WORDS}, proposed_s, expires_s, {_OF_OTHERS})'
_ANSWER = "answer, answered_s, answered_by, answered_group, agreed_s, agreed_by, agreed_group"
_GIVE_APPROVAL = "SELECT, UPDATE (approver, approver_group, approver_account, approved_s, lapsed_ms)"

# table → role → privileges
PRIVILEGES: Mapping[str, Mapping[str, str]] = {
    "alembic_version": {WEB: READ, CONTROL: READ, LEDGER: READ},
    "revisions": {WEB: ALL, CONTROL: ALL},
    "accounts": {WEB: ALL, CONTROL: READ, LEDGER: "SELECT (id, report_days)"},
    "caregivers": {WEB: ALL},
    "children": {WEB: ALL, CONTROL: READ, LEDGER: "SELECT (account, profile)"},
    "daily_totals": {WEB: "SELECT, DELETE", LEDGER: ALL},
    "household_events": {
        WEB: APPEND,
        CONTROL: APPEND,
        LEDGER: "SELECT, DELETE",
    },  # no one changes one; they go with their age
    "profiles": {WEB: ALL, CONTROL: "SELECT, UPDATE (revision)", LEDGER: "SELECT (id, account, zone)"},
    # Of records of blocks: where a subscriber is, not who.
    "lines": {WEB: ALL, CONTROL: READ, LEDGER: "SELECT (id, account, province)"},
    "addresses": {WEB: ALL, CONTROL: READ},
    # given by `filterd sessions`, on the box; web knows whether a line has one, not which
    "line_names": {WEB: "SELECT (line)", CONTROL: READ},
    "released_addresses": {WEB: ALL, CONTROL: "SELECT, DELETE"},  # once they are in an image
    "revision_times": {CONTROL: "SELECT, INSERT, DELETE"},
    "blocked_categories": {WEB: ALL, CONTROL: READ},
    "dns_wishes": {WEB: ALL, CONTROL: READ},
    "household_names": {WEB: ALL, CONTROL: READ},
    "devices": {WEB: ALL, CONTROL: READ},
    "closed_intervals": {WEB: ALL, CONTROL: "SELECT, INSERT, DELETE"},  # it makes the weeks again at midnight
    "household_calendars": {WEB: ALL, CONTROL: READ},
    "day_ranges": {WEB: ALL, CONTROL: READ},
    "cards": {WEB: ALL, CONTROL: READ},
    "time_spans": {WEB: ALL, CONTROL: ALL},  # a ticket is used at the splash, and a clock can go back
    "quotas": {WEB: ALL, CONTROL: "SELECT, UPDATE (day, used_s, started_s, ends_s)"},  # begun at the splash
    "ticket_keys": {WEB: APPEND, CONTROL: READ},
    "tickets": {WEB: ALL, CONTROL: READ},
    "ticket_uses": {WEB: APPEND, CONTROL: APPEND},
    "requests": {  # asked at the splash, answered by caregivers, and gone with their age
        WEB: "SELECT, UPDATE (answer, answered_s, until_s)",
        CONTROL: "SELECT, INSERT",
        LEDGER: "SELECT, DELETE",
    },
    "request_messages": {WEB: "SELECT, INSERT, UPDATE (tries)"},
    "tokens": {WEB: "SELECT, INSERT, DELETE, UPDATE (last_used_s)"},
    "issuers": {WEB: READ, CONTROL: READ},  # put and disabled by commands, on the box
    "issuer_keys": {WEB: READ, CONTROL: READ},
    "client_certificates": {WEB: READ},  # bound by commands, on the box
    "push_nonces": {WEB: "SELECT, INSERT, DELETE"},
    "staff": {WEB: "SELECT, UPDATE (last_login_s)", CONTROL: READ},  # put and disabled by `filterd staff`, on the box
    "staff_passwords": {WEB: COUNT},
    "passkeys": {WEB: f"{_USE_PASSKEY}, {_NEW_PASSKEY}", CONTROL: READ},  # control checks signatures itself
    "enrolment_codes": {WEB: "SELECT, DELETE, UPDATE (totp)"},
    "staff_sessions": {WEB: ALL},
    "sessions": {WEB: ALL},
    "login_codes": {WEB: ALL},
    "family_pins": {WEB: ALL},
    "safeguarding_contacts": {WEB: ALL},
    "idempotency_keys": {WEB: ALL},
    "orders": {WEB: _PROPOSE_ORDER, CONTROL: _DECIDE_ORDER, LEDGER: READ},
    "entries": {WEB: _PROPOSE_ENTRY, CONTROL: _DECIDE_ENTRY},
    "entry_parts": {WEB: READ, CONTROL: APPEND},
    "order_files": {WEB: APPEND, CONTROL: READ},
    "sealed_messages": {WEB: APPEND, CONTROL: READ},
    "sealed_readings": {WEB: READ, CONTROL: APPEND},  # what the reader of sealed lists has found
    "order_steps": {WEB: READ, CONTROL: APPEND},
    "order_canaries": {WEB: READ, CONTROL: COUNT, LEDGER: "SELECT, UPDATE (n_blocks, peak)"},
    "canary_minutes": {CONTROL: "SELECT, DELETE", LEDGER: COUNT},
    "gateway_minutes": {CONTROL: READ, LEDGER: ALL},
    "gateway_settings": {CONTROL: COUNT},
    "order_shadows": {WEB: READ, CONTROL: COUNT},
    "order_shadow_counts": {WEB: READ, CONTROL: READ, LEDGER: COUNT},
    "order_alarms": {WEB: READ, CONTROL: APPEND},
    "order_notices": {CONTROL: "SELECT, INSERT, UPDATE (due_s, tries, state, ended_ms, fault)"},
    "approvals": {WEB: _PROPOSE_APPROVAL, CONTROL: _GIVE_APPROVAL},
    # What is to be kept, web says; that it is, control alone.
    "legal_holds": {
        WEB: 'SELECT, INSERT (since_s, until_s, "order", list, category, subscriber, keeps_keys)',
        CONTROL: "SELECT, UPDATE (begun_ms, gone_before_s)",
    },
    "approval_signatures": {WEB: APPEND, CONTROL: READ},
    "approval_refusals": {WEB: APPEND, CONTROL: READ},
    "letters": {WEB: READ, CONTROL: "SELECT, INSERT, DELETE"},  # what lists hold of an order, as workers serve it
    "verifications": {WEB: READ, CONTROL: READ},  # written by `filterd orders verify`, on the box
    "confirmations": {WEB: READ, CONTROL: APPEND},  # control alone signs
    "wrong_blocks": {WEB: "SELECT, DELETE, UPDATE (outcome, answered_s)", CONTROL: "SELECT, INSERT, UPDATE (times)"},
    # What was sealed, control alone reads, to send it; the word of the answer comes from a command, on the box.
    "appeals": {
        WEB: "SELECT (id, reference, state, received_s, sent_s, outcome, answered_s)",
        CONTROL: "SELECT, INSERT, UPDATE (state, due_s, tries, fault, sent_s)",
    },
    "lawful_requests": {WEB: f"SELECT, INSERT, UPDATE ({_ANSWER})"},
    "dns_sources": {CONTROL: "SELECT, INSERT, UPDATE (text, told_s)"},
    "dns_source_statements": {WEB: READ, CONTROL: APPEND},  # control alone signs
    "dns_source_exports": {WEB: APPEND},
    # What two persons change (the column approval), control alone.
    "desk_settings": {WEB: "SELECT, INSERT (name, value, set_s, by_kind, by_name, event)", CONTROL: APPEND},
    "ledger_events": {WEB: APPEND, CONTROL: APPEND, LEDGER: READ},  # redacted by `filterd audit`, on the box
    "ledger_salts": {WEB: APPEND, CONTROL: APPEND},
    "ledger_redactions": {WEB: READ, CONTROL: READ},
    "ledger_checkpoints": {WEB: READ, CONTROL: APPEND},  # control alone signs
    "ledger_keys": {WEB: READ, CONTROL: APPEND},
    "trusted_clock": {LEDGER: ALL},
    "blocks": {WEB: READ, LEDGER: ALL},
    "day_keys": {LEDGER: ALL},
    "csam_counts": {WEB: READ, LEDGER: COUNT},
    "spool_positions": {CONTROL: READ, LEDGER: ALL},
    "list_counts": {CONTROL: READ, LEDGER: ALL},
    "confidential_totals": {LEDGER: ALL},
    "list_totals": {LEDGER: ALL},
    "statistics_releases": {WEB: "SELECT (quarter, node, at_ms, text, note)", CONTROL: APPEND},  # control alone signs
    "transparency_releases": {WEB: READ, CONTROL: APPEND},  # control alone signs
}


def grant(conn: Connection) -> None:
    """Give each role what stands above, and nothing else; the roles are made where they are missing.

    conn  of the tables' owner, in PostgreSQL, in a transaction.   Raises sqlalchemy's DBAPIError"""
    for statement in statements():
        conn.exec_driver_sql(statement)


def statements() -> Iterator[str]:
    """The SQL of grant(): who may not make roles can give it to someone who may."""
    for role in ROLES:
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} NOLOGIN; END IF; END $$"
        )
        # The owner may act as each, unless another account has made the roles and keeps them to itself.
        yield f"DO $$ BEGIN GRANT {role} TO CURRENT_USER; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
        yield f"GRANT USAGE ON SCHEMA public TO {role}"
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    for table, granted in PRIVILEGES.items():
        for role, privileges in granted.items():
            yield f"GRANT {privileges} ON {table} TO {role}"
