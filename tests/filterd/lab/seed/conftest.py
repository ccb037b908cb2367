"""A laboratory's database with a month in it, and the configuration that it was filled by."""

import functools
import json
from collections.abc import Callable, Iterator
from random import Random
from zoneinfo import ZoneInfo

import pytest
from support.database.postgresql import running_server
from support.system.seeded import END, SEED, Life

from filterd.config import Config, load
from filterd.lab.seed.life import SeedReport, fill
from filterd.lab.seed.month import Month
from filterd.process.database.access import database_of
from parental.store.database import opened, reading

LivesOf = Callable[[str], tuple[Config, SeedReport]]


@pytest.fixture(scope="session")
def lives(tmp_path_factory: pytest.TempPathFactory) -> LivesOf:
    """A filled database of a kind: one for all tests of this process, none of which changes it."""

    @functools.cache
    def filled(kind: str) -> tuple[Config, SeedReport]:
        place = tmp_path_factory.mktemp("life")
        said: dict[str, object] = {"state_dir": str(place / "state"), "run_dir": str(place / "run")}
        said |= {"dns": {"upstreams": ["192.0.2.53:53"]}, "protected": {"names": ["isp.example"]}}
        if kind == "postgresql":
            said["database"] = {"url": running_server().new_database_with_tables()}
        (place / "filterd.yaml").write_text(json.dumps(said))
        config = load(place / "filterd.yaml")
        return config, fill(config, END, SEED)

    return filled


@pytest.fixture
def life(lives: LivesOf, database_kind: str) -> Iterator[Life]:
    config, filled = lives(database_kind)
    with opened(database_of(config)) as engine, reading(engine) as conn:
        yield Life(config, filled, conn)


@pytest.fixture
def month() -> Month:
    return Month(END, ZoneInfo("Asia/Karachi"), Random(SEED))
