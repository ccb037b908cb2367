"""A database with a transaction that stands."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from parental.store.database import writing


@pytest.fixture
def conn(engine: Engine) -> Iterator[Any]:
    with writing(engine) as conn:
        yield conn
