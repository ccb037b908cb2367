import argparse
import asyncio
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from support.block_proof import Store
from support.system.daemon import DEADLINE_S, Daemon, eventually
from support.system.ports import free_port

from filterd.audit.archive.archive_proof import ArchiveProof
from filterd.audit.archive_messages import NewestCheckpoint
from filterd.audit.witness import Witness, app_of
from filterd.box.errors import ApiRefusal, WrongUse
from filterd.cli import main
from filterd.client import cosignature
from filterd.client.cosignature import BLOCKS, checkpoint, cosigned_checkpoint
from mgmt.ledger.block_verifier import verify
from mgmt.ledger.checkpoint import Cosigner, Signer
from mgmt.ledger.tree import consistency_proof, root_of
from mgmt.ledger.verifier import leaf_hash, lines_of, open_note
from mgmt.web.api.ledger import Consistency
from mgmt.web.kit.app_context import json_response

pytestmark = pytest.mark.services

NOWHERE = "http://127.0.0.1:1"
OTHER_LOG = Signer(bytes(32), "gw.test/other").vkey
Start = Callable[[str], tuple[str, str]]


@pytest.fixture
def witness(daemon: Daemon, tmp_path: Path) -> Iterator[Start]:
    """Starts a witness of a log; its URL and key."""
    started: list[subprocess.Popen[str]] = []

    def start(log: str) -> tuple[str, str]:
        at, state = f"127.0.0.1:{free_port()}", tmp_path / "state"
        asked = ("audit", "witness", "--listen", at, "--state", str(state), "--name", "witness.test", "--log", log)
        process = subprocess.Popen(daemon.command(*asked), env=daemon.env(), stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert said[2:] == ["listens", "at", at]
        return f"http://{at}", said[1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=DEADLINE_S)


def exported(daemon: Daemon, bundle: Path) -> str:
    """The ledger in a file; the key of its head."""

    def has_events() -> bool:
        bundle.write_text(daemon.run("audit", "export", token=daemon.token("auditor")).stdout)
        return '"event":' in bundle.read_text()

    eventually(has_events, "the first signed events")
    return str(json.loads(bundle.read_text().splitlines()[0])["keys"][0])


def test_a_witness_on_another_box_cosigns_and_the_verifier_asks_for_it(
    daemon: Daemon, witness: Start, tmp_path: Path
) -> None:
    bundle, kept = tmp_path / "ledger.ndjson", tmp_path / "kept.txt"
    url, key = witness(exported(daemon, bundle))

    def cosign(of: str = key) -> subprocess.CompletedProcess[str]:
        return daemon.run("audit", "cosign", "--witness", url, "--key", of, token=daemon.token("auditor"))

    first = cosign()
    daemon.token("auditor")  # an event more, which is signed within a minute or not: it goes on from either tree
    second = cosign()
    kept.write_text(first.stdout)
    exported(daemon, bundle)

    assert [first.returncode, second.returncode] == [0, 0], first.stderr + second.stderr
    done = daemon.run("audit", "verify", str(bundle), "--witness", key, "--checkpoint", str(kept))
    assert done.returncode == 0, done.stdout
    without = daemon.run("audit", "verify", str(bundle), "--witness", key)
    assert without.returncode == 1 and "is not cosigned by the witness witness.test" in without.stdout
    other = cosign("other.test+" + key.partition("+")[2])
    assert other.returncode == 1 and "nothing printed; compare its key" in other.stderr and other.stdout == ""


def test_a_witness_that_is_away_or_of_another_log_is_reported(daemon: Daemon, witness: Start) -> None:
    other, key = witness(OTHER_LOG)
    asked = {url: ("audit", "cosign", "--witness", url, "--key", key) for url in (NOWHERE, "x", other)}

    done = {url: daemon.run(*each, token=daemon.token("auditor")) for url, each in asked.items()}

    assert "nothing done; start the witness, or correct --witness" in done[NOWHERE].stderr
    assert done["x"].returncode == 2 and "no URL; nothing done" in done["x"].stderr
    assert done[other].returncode == 1 and "this log is unknown; not cosigned" in done[other].stderr
    assert "".join(each.stdout for each in done.values()) == ""


def test_a_witness_without_fit_arguments_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["audit", "witness", "--state", str(tmp_path / "state"), "--log", OTHER_LOG]

    assert main([*asked, "--listen", "8099", "--name", "w"]) == 2
    assert main([*asked, "--listen", "127.0.0.1:1", "--name", "a b"]) == 2
    assert main([*asked, "--listen", "127.0.0.1:1", "--name", "w", "--log", "x"]) == 2
    assert capsys.readouterr().err.count("not started") == 3
    assert main([*asked, "--listen", "192.0.2.1:8099", "--name", "w"]) == 3


async def test_block_records_are_cosigned_by_a_witness_that_goes_on_from_the_tree_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def show(request: web.Request) -> web.Response:
        """As the API answers."""
        earlier = int(request.query["earlier"]) if "earlier" in request.query else None
        found = proof.newest(NewestCheckpoint(earlier))
        assert not found.absent
        if earlier is None:
            return web.Response(text=found.note)
        return json_response(Consistency(found.note, earlier, [each.hex() for each in found.path], found.size))

    monkeypatch.setenv("FILTERD_TOKEN", "token")
    with Store(tmp_path) as store, closing(ArchiveProof(store.path)) as proof:
        cosigner = Cosigner(bytes(32), "w.test")
        app = app_of(Witness(tmp_path, cosigner, [store.seal.vkey]), lambda: 1_800_000_000)
        app.router.add_get(BLOCKS, show)
        async with TestServer(app) as server:
            at = str(server.make_url("")).rstrip("/")
            asked = dict(blocks=True, api=at, witness=at, key_of_witness=cosigner.vkey, token_file=None)
            args = argparse.Namespace(**asked, certificate=None, ca=None)
            notes = list[str]()
            for _ in range(3):
                store.fill(2)
                assert store.sign()
                notes += [await asyncio.to_thread(cosigned_checkpoint, args) for _ in range(2)]  # again: the same tree

        sizes = [open_note(each, [store.seal.vkey]).size for each in notes]
        assert sizes == [4, 4, 8, 8, 12, 12]
        verify(lines_of(io.BytesIO(store.bundle())), [store.seal.vkey], notes, [cosigner.vkey])


# ---------------------------------------------------------------------- what continues what is kept

SIGNER = Signer(bytes(32), "gw.test/filterd-blocks")
Ask = Callable[..., str]


def root(first: int, until: int, of: str = "") -> bytes:
    return root_of(lambda start, end: (leaf_hash(f"{of}{n}".encode()) for n in range(start, end)), first, until)


def note(size: int, of: str = "", signer: Signer = SIGNER) -> str:
    return signer.sign(size, root(0, size, of))


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What the command says of a kept checkpoint, where the API answers so."""

    def ask(kept: str, answer: dict[str, Any], key: str = SIGNER.vkey) -> str:
        (tmp_path / "kept").write_text(kept)
        monkeypatch.setattr(cosignature, "call", lambda _args, _method, path: answer | {"asked": path})
        return checkpoint(argparse.Namespace(blocks=True, continues=tmp_path / "kept", keys=[key], api="api"))

    return ask


def honest(earlier: int, size: int) -> dict[str, Any]:
    return {"checkpoint": note(size), "path": [each.hex() for each in consistency_proof(root, earlier, size)]}


def test_a_checkpoint_that_continues_the_one_that_is_kept_is_printed(ask: Ask) -> None:
    assert ask(note(3), honest(3, 8)) == note(8)
    assert ask(note(8), honest(8, 8)) == note(8)


@pytest.mark.parametrize(
    "answer",
    [
        {"checkpoint": note(8, "fork"), "path": honest(3, 8)["path"]},
        {"checkpoint": note(3, "fork"), "path": []},
        {"checkpoint": note(2), "path": []},
        {"checkpoint": note(8), "path": []},
    ],
)
def test_a_fork_and_a_log_that_was_set_back_are_named(ask: Ask, answer: dict[str, Any]) -> None:
    with pytest.raises(
        ApiRefusal, match=r"do not continue the 3 of gw\.test/filterd-blocks that are kept: another history"
    ):
        ask(note(3), answer)


def test_what_another_key_signed_is_refused(ask: Ask) -> None:
    other = Signer(bytes(range(32)), SIGNER.name)
    with pytest.raises(ApiRefusal, match="is not signed by a known key; nothing printed; compare its key"):
        ask(note(3), {"checkpoint": note(8, signer=other), "path": honest(3, 8)["path"]})
    with pytest.raises(WrongUse, match="is not signed by a known key; nothing printed"):
        ask(note(3), honest(3, 8), other.vkey)
    with pytest.raises(ApiRefusal, match="nothing printed"):
        ask(note(3), {"checkpoint": note(8), "path": ["zz"]})


def test_the_ledger_and_the_records_of_blocks_have_checkpoints_of_their_own() -> None:
    assert cosignature.path_of(argparse.Namespace(blocks=True)) == BLOCKS
    assert cosignature.path_of(argparse.Namespace(blocks=False)) != BLOCKS
