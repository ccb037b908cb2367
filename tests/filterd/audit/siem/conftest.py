"""A store of block records with its tree."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.block_proof import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened
