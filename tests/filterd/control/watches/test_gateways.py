"""The standing fault of gateways that are set differently to try orders."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from filterd.config import read_config
from filterd.control.base.context import Context
from filterd.control.watches.gateways import FAULT, compare, note
from mgmt.orders.phases.canary_gateways import Gateway, say
from mgmt.orders.phases.canary_rules import Policy
from parental.store.database import open_database, writing
from parental.store.engines import Where

NOW_S = 1_800_000_000


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    engine = open_database(database)
    yield engine
    engine.dispose()


def context(engine: Engine, folder: Path, canary: dict[str, object]) -> Context:
    said = {"dns": {"upstreams": ["192.0.2.53:53"]}, "orders": {"canary": canary}}
    return Context(read_config(json.dumps(said).encode(), "test", folder), folder / "filterd.yaml", engine)


def test_a_difference_is_a_standing_fault_until_the_gateways_agree(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = context(engine, tmp_path, {"gateway": "gw1", "name": "gw1", "lasts": "10m"})
    other = Policy("gw1", "gw2", 600, 1000)
    for policy in (None, None, other):
        with writing(engine) as conn:
            say(conn, Gateway("host-of-gw2", policy), NOW_S)
        note(box, compare(box, NOW_S))
        assert (FAULT in box.faults) is (policy is None)

    assert caplog.text.count("/orders/canary differs") == 1, "it is logged once"
