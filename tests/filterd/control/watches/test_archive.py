import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.block_proof import Store

from filterd.audit.archive.archive_service import Archive
from filterd.audit.archive_messages import ARCHIVE_REQUESTS, AskArchive, AskTree, KeepCheckpoint, TreeHead, TreeSize
from filterd.audit.block_seal import KEY, LAST, BlockSeal
from filterd.audit.seal import LedgerDamage
from filterd.box.places import ARCHIVE, archive_socket, keys_folder
from filterd.config import Config, read_config
from filterd.control.watches.archive import SEAL_S, ArchiveWatch
from filterd.process.codec import FailureReply
from filterd.process.json_socket import serve
from mgmt.ledger.verifier import open_note
from parental.store.database import open_database, reading
from parental.store.engines import Where
from parental.store.schema.ledger import events

TIMEOUT_S = 60


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    engine = open_database(database)
    yield engine
    engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "box") as opened:
        opened.fill(2)
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_of(tmp_path, "run")


def config_of(folder: Path, run_dir: str) -> Config:
    said = {"state_dir": "state", "run_dir": run_dir, "dns": {"upstreams": ["192.0.2.53:53"]}}
    return read_config(json.dumps(said).encode(), "test", folder)


class Answers:
    """The archive's socket: what it says first goes through `lie`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.lie: Any = lambda request, answer: answer

    async def answer(self, request: Any) -> object:
        return self.lie(request, await self._archive.answer(request))


@pytest.fixture
async def answers(store: Store, config: Config) -> AsyncIterator[Answers]:
    with closing(Archive(store.path)) as archive:
        found = Answers(archive)
        server = await serve(archive_socket(config.run_dir), ARCHIVE, ARCHIVE_REQUESTS, found.answer)
        yield found
        server.close()


def last(config: Config) -> str | None:
    path = keys_folder(config.state_dir) / LAST
    return path.read_text() if path.exists() else None


async def test_the_tree_is_signed_and_the_ledger_says_first_by_which_key(
    answers: Answers, config: Config, engine: Engine, store: Store
) -> None:
    watch = ArchiveWatch(config, engine)
    await watch.seal()
    await watch.seal()
    await ArchiveWatch(config, engine).seal()

    signed = store.tree.last_checkpoint()
    assert signed is not None and (signed.size, signed.note) == (4, last(config))
    with reading(engine) as conn:
        [text] = conn.execute(select(events.c.text)).scalars()
    assert '"action":"block records key put"' in text and signed.vkey in text


async def test_what_control_had_signed_when_it_died_reaches_the_archive_at_its_next_life(
    answers: Answers, config: Config, engine: Engine, store: Store
) -> None:
    answers.lie = lambda request, answer: FailureReply("killed") if isinstance(request, KeepCheckpoint) else answer
    with pytest.raises(OSError, match="what is not signed is in no bundle until then"):
        await ArchiveWatch(config, engine).seal()
    store.tree._rows.execute("DELETE FROM checkpoints")
    answers.lie = lambda request, answer: answer

    await ArchiveWatch(config, engine).seal()

    signed = store.tree.last_checkpoint()
    assert signed is not None and signed.note == last(config)


async def test_an_archive_that_lies_gets_nothing_signed_and_the_fault_says_so(
    answers: Answers, config: Config, engine: Engine
) -> None:
    watch = ArchiveWatch(config, engine)
    await watch.seal()
    before = last(config)

    def forked(request: object, answer: object) -> object:
        return TreeHead(9, bytes(32), [], True) if isinstance(request, AskTree) else answer

    answers.lie = forked
    with pytest.raises(LedgerDamage, match="the first 4 are other ones that were signed; not signed any more"):
        await watch.seal()
    answers.lie = lambda request, answer: TreeSize(1) if isinstance(request, AskTree) else answer
    with pytest.raises(OSError, match="archive:"):
        await watch.seal()
    assert last(config) == before


async def test_a_seal_is_due_again_where_it_has_failed_and_a_minute_after_it_was_done(
    answers: Answers, config: Config, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, now_s, due = ArchiveWatch(config, engine), time.monotonic(), list[bool]()

    answers.lie = lambda request, answer: FailureReply("away")
    with pytest.raises(OSError, match="away"):
        await watch.seal()
    due.append(watch.is_seal_due())
    answers.lie = lambda request, answer: answer
    await watch.seal()
    due.append(watch.is_seal_due())
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 2 * SEAL_S)
    due.append(watch.is_seal_due())

    assert due == [True, False, True]


async def test_an_archive_that_is_away_or_unwell_is_said(
    answers: Answers, config: Config, engine: Engine, tmp_path: Path
) -> None:
    watch = ArchiveWatch(config, engine)
    await watch.look()
    answers.lie = lambda request, answer: FailureReply("unwell") if isinstance(request, AskArchive) else answer
    with pytest.raises(OSError, match="unwell"):
        await watch.look()
    away = ArchiveWatch(config_of(tmp_path, "elsewhere"), engine)
    for ask in (away.look, away.seal):
        with pytest.raises(OSError, match=r"archive\.sock"):
            await ask()


async def test_a_damaged_last_checkpoint_signs_nothing(answers: Answers, config: Config, engine: Engine) -> None:
    await ArchiveWatch(config, engine).seal()
    key = BlockSeal(keys_folder(config.state_dir), "gw").vkey
    (keys_folder(config.state_dir) / LAST).write_text(f"{key.partition('+')[0]}\n0\n\n")

    with pytest.raises(ValueError, match="is not signed by a known key") as found:
        await ArchiveWatch(config, engine).seal()
    assert not isinstance(found.value, LedgerDamage)
    assert "stop control, move" in str(found.value)


async def test_a_key_that_begins_anew_while_control_runs_signs(
    answers: Answers, config: Config, engine: Engine
) -> None:
    watch, keys = ArchiveWatch(config, engine), keys_folder(config.state_dir)
    await watch.seal()
    before = BlockSeal(keys, "gw").vkey
    for name in (KEY, LAST):  # as a damaged tree asks for
        (keys / name).unlink()

    await watch.seal()

    assert BlockSeal(keys, "gw").vkey != before
    open_note((keys / LAST).read_text(), [BlockSeal(keys, "gw").vkey])
