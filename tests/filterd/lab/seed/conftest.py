"""A laboratory's database with a month in it, and the configuration that it was filled by."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from support.system.seeded import END, SEED, Life

from filterd.config import Config, load
from filterd.database.access import database_of
from filterd.lab.seed.life import fill
from filterd.lab.seed.month import Month
from parental.store.database import opened, reading
from parental.store.engines import Where


@pytest.fixture
def config(tmp_path: Path, database: Where) -> Config:
    said: dict[str, object] = {"state_dir": str(tmp_path / "state"), "run_dir": str(tmp_path / "run")}
    said |= {"dns": {"upstreams": ["192.0.2.53:53"]}, "protected": {"names": ["isp.example"]}}
    if isinstance(database, str):
        said["database"] = {"url": database}
    (tmp_path / "filterd.yaml").write_text(json.dumps(said))
    return load(tmp_path / "filterd.yaml")


@pytest.fixture
def life(config: Config) -> Iterator[Life]:
    filled = fill(config, END, SEED)
    with opened(database_of(config)) as engine, reading(engine) as conn:
        yield Life(config, filled, conn)


@pytest.fixture
def month() -> Month:
    return Month(END, ZoneInfo("Asia/Karachi"), Random(SEED))
