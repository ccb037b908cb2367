"""A laboratory's database that is filled with a month, for tests of what is in it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from support.block_store import rows

from filterd.box.places import BLOCKS
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

    def blocks(self, reason: str | None = None) -> list[dict[str, Any]]:
        """The records of blocks, of all reasons or of one, as the archive has them."""
        return [each for each in rows(self.config.state_dir / BLOCKS) if reason in (None, each["reason"])]
