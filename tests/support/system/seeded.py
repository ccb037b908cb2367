"""A laboratory's database that is filled with a month, for tests of what is in it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from filterd.config import Config
from filterd.lab.seed.life import SeedReport

END = datetime(2026, 8, 14, 7, 30, tzinfo=UTC)  # half past noon in Karachi
SEED = 7


@dataclass(frozen=True, slots=True)
class Life:
    """What was filled, by which configuration, and a look at it."""

    config: Config
    filled: SeedReport
    conn: Connection
