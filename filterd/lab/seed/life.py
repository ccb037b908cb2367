"""Fills a laboratory's database and its block records with a month of life that ends now: two issuers, five people of
the desk, three families, letters and a list's letters, blocks, visitors' reports.

One number gives one month, but for what must be secret: tokens, references of reports, pseudonyms.
Cost: 200 transactions, about a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from filterd.audit.block_batches import BATCHES, Batches
from filterd.box.keys import pseudonym_key
from filterd.box.places import BLOCKS
from filterd.config import Config
from filterd.lab.seed import blocks, families, orders, reports
from filterd.lab.seed.families import FAMILIES, Family
from filterd.lab.seed.month import Month, play
from filterd.lab.seed.staff import put_staff
from filterd.process.database.access import opened_for_control
from mgmt.ledger import store as ledger
from parental.store.database import writing
from rules.base.protected import ProtectedNames

SEED = 2026
NODE = "lab"


@dataclass(frozen=True, slots=True)
class SeedReport:
    """tokens  by who holds it;   n_letters  pushed;   n_changes  transactions"""

    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    n_letters: int = 0
    n_changes: int = 0


def fill(config: Config, end: datetime, seed: int = SEED, homes: Sequence[Family] = FAMILIES) -> SeedReport:
    """Fill the database of a configuration, which must be a new one.   end  now (aware).

    Raises MissingPart, WrongUse, DatabaseFault as every command that opens the database; ValueError where it is
    filled"""
    with opened_for_control(config, acts_as="") as engine:
        return _fill(engine, config, Month(end, ZoneInfo(config.parental.timezone), Random(seed)), homes)


def _fill(engine: Engine, config: Config, month: Month, homes: Sequence[Family]) -> SeedReport:
    zone = config.parental.timezone
    with writing(engine) as conn:
        if ledger.size(conn):
            raise ValueError("laboratory: its database holds something already; not filled; begin with a new folder")
        staff = put_staff(conn, month.begin)
    letters = orders.letters_of(month)
    changes = families.changes_of(month, homes)
    changes += orders.changes_of(
        month, letters, orders.Desk(staff.clerks, ProtectedNames(config.protected.names), zone)
    )
    batches = Batches(config.state_dir / BLOCKS / BATCHES)
    traffic = blocks.Traffic(homes, pseudonym_key(config.state_dir), NODE, batches)
    changes += blocks.changes_of(month, letters, traffic)
    changes += reports.changes_of(month, zone)
    n_changes = play(engine, changes)
    with writing(engine) as conn:
        parents = families.put_parents(conn, month.end, homes)
    return SeedReport({**staff.tokens, **parents}, len(letters), n_changes)
