"""Every table of the database, in one MetaData whichever module is imported first.

people   accounts, caregivers, children, and what was done in a household
lines    lines with their addresses and devices, and profiles
calendar cards, dates, closures and grants, screen time, tickets
requests what children ask for at closed pages
access   who may do what over the API and the family page
staff    people of the desk
orders   what a regulator or a court directs, and what became of it
sealed_orders  what came encrypted, and what its reader has found
canaries  orders on one gateway first
shadows  orders that are counted and not enforced
confirmations  what the traffic said of orders, and what issuers are answered
deadlines  alarms of orders, and what is sent of them
ledger   what was done, signed, and the time by which records grow old
holds    which records of blocks stay although they are old
records  what was blocked, and how far spools and counters have been drained
statistics  of quarters, as they were published
registers  what the operator writes down for authorities
reports  what visitors report as blocked by mistake
settings what the desk says of the pages
idempotency  answers to requests that may come twice

A table that changes here needs a revision in parental.store.migrations.versions; a test compares the two.
"""

from parental.store.schema import (
    access,
    calendar,
    canaries,
    confirmations,
    deadlines,
    idempotency,
    ledger,
    lines,
    orders,
    people,
    records,
    registers,
    reports,
    requests,
    sealed_orders,
    settings,
    staff,
    statistics,
)
from parental.store.schema.base import metadata

__all__ = [
    "access",
    "calendar",
    "canaries",
    "confirmations",
    "deadlines",
    "idempotency",
    "ledger",
    "lines",
    "metadata",
    "orders",
    "people",
    "records",
    "registers",
    "reports",
    "requests",
    "sealed_orders",
    "settings",
    "staff",
    "statistics",
]
