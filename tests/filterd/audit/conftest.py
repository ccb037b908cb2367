"""A store of block records with its tree, and what spools are drained into."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.block_proof import Store
from support.block_store import NODE_KEY

from filterd.audit.drain import Ledger
from parental.store.database import open_database
from parental.store.engines import Where


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture
def ledger(database: Where) -> Iterator[Ledger]:
    engine = open_database(database)
    yield Ledger(engine, NODE_KEY, "node-1")
    engine.dispose()
