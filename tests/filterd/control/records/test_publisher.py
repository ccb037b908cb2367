"""Control's hourly look at statistics."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import SAID

from fastpath.images.decision import ListInForce
from fastpath.images.verdict import Action, Tier
from filterd.config import load
from filterd.control.base.context import Context
from filterd.control.records import publisher
from mgmt.registers.records.block_archive import ArchiveFailure

PTA = ListInForce("pta", Tier.ORDER, Action.SPLASH, confidential=False)


@pytest.fixture
def context(engine: Engine, tmp_path: Path) -> Context:
    for name in ("pta.txt", "stop.txt"):
        (tmp_path / name).touch()
    (tmp_path / "f.yaml").write_text(SAID + "records: {bypass_statistics: true}\n")
    config = load(tmp_path / "f.yaml")
    return Context(config, tmp_path / "f.yaml", engine)


def test_it_publishes_what_the_configuration_says_with_the_ledgers_key(
    context: Context, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(publisher, "publish_last", lambda *args: said.append(args))

    for lists in ((), (PTA,)):
        publisher.publish(context, engine, lists)

    (first, *_), (second, *_) = said
    assert first.signer.vkey == second.signer.vkey
    assert [args[3] for args in said] == [None, {}]


def test_an_archive_that_is_away_is_a_fault_and_nothing_is_published(
    context: Context, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ArchiveFailure("archive: away")

    monkeypatch.setattr(publisher, "publish_last", fail)
    with pytest.raises(OSError, match="archive: away; no statistics"):
        publisher.publish(context, engine, (PTA,))
