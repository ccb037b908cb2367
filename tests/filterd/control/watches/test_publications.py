"""Control publishes lists that are public."""

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine
from support.control.box import make
from support.mgmt.events import events_of

from filterd.audit.seal import Seal
from filterd.box.places import keys_folder
from filterd.control.base.context import Context
from filterd.control.watches import publications
from filterd.control.watches.publications import look
from filterd.images.lists.jobs import take
from filterd.images.lists.public_files import FORMAT, SIGNED, folder_of, publish, unpublished
from mgmt.ledger.signed_statement import opened
from parental.store.database import reading


@pytest.fixture
def context(place: Path, engine: Engine) -> Context:
    file = place / "f.yaml"
    file.write_text(file.read_text().replace("format: plain, tier: order", "format: plain, tier: order, public: true"))
    context = make(place, engine).context
    take(context.config, ["pta"], datetime.now(UTC).timestamp())
    return context


async def test_what_the_job_has_written_is_signed_once_and_stands_in_the_ledger(
    context: Context, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    async def job(command: list[str], *_: object) -> SimpleNamespace:
        ran.append(command)
        publish(context.config, context.config.lists[0], datetime.now(UTC))
        return SimpleNamespace(exit_code=0, stderr="")

    monkeypatch.setattr(publications, "run_job", job)
    await look(context)
    await look(context)

    signer = Seal(engine, keys_folder(context.config.state_dir), socket.gethostname()).signer
    document = (folder_of(context.config, context.config.lists[0]) / SIGNED).read_bytes()
    text = opened(document, [signer.vkey], FORMAT, lambda said: f"{said['list']} {said['version']}")
    assert len(ran) == 1 and ran[0][-1] == "pta" and json.loads(text)["names"] == 1
    with reading(engine) as conn:
        assert events_of(conn, "settings")[-1]["action"] == "list published"


async def test_a_list_that_fails_holds_up_no_other_one(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    (pta,) = unpublished(context.config)
    monkeypatch.setattr(publications, "unpublished", lambda _: [replace(pta, id="first"), pta])

    async def job(command: list[str], *_: object) -> SimpleNamespace:
        if command[-1] == "first":
            return SimpleNamespace(exit_code=1, stderr="too many")
        publish(context.config, pta, datetime.now(UTC))
        return SimpleNamespace(exit_code=0, stderr="")

    monkeypatch.setattr(publications, "run_job", job)
    with pytest.raises(OSError, match="list first: too many"):
        await look(context)
    assert (folder_of(context.config, pta) / SIGNED).is_file()


async def test_a_job_that_fails_signs_nothing_and_is_a_fault(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    async def job(*_: object) -> SimpleNamespace:
        return SimpleNamespace(exit_code=1, stderr="list pta: more than 500,000 names")

    monkeypatch.setattr(publications, "run_job", job)
    with pytest.raises(OSError, match="500,000 names; not published"):
        await look(context)
    assert len(unpublished(context.config)) == 1
