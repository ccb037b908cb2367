import asyncio
import json
import logging
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from support.control.box import SAID, done, make, play

from filterd.config.changes import digests
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.reloader import ReloadRefusal
from filterd.control.service import Control
from filterd.kernel.ruleset import Rules
from filterd.process.codec import FailureReply
from filterd.process.instance import only_instance
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, ConfigDigest
from parental.store.database import reading
from parental.store.errors import DatabaseFull
from parental.store.schema.ledger import events

pytestmark = pytest.mark.services  # control starts jobs


def changed(place: Path, more: str, said: str = SAID) -> None:
    database = [line for line in (place / "f.yaml").read_text().splitlines() if line.startswith("database:")]
    (place / "f.yaml").write_text("\n".join([said.rstrip(), *database, more]))


def test_keys_are_in_force_or_named_with_the_role_that_needs_a_restart(
    place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(control: Control) -> None:
        with only_instance(control.config.run_dir, "web-0") as web:
            web.note_keys(digests(control.config, "web"))
            changed(place, "api: {listen: ['127.0.0.1:81']}\nhelp_corridor: {names: [help.test]}\n")
            reply = done(await control.reload())

        assert (reply.live, reply.restart) == (["/help_corridor/names"], {"web-0": ["/api/listen"]})
        assert control.explainer.explain("help.test", None, "dns").reason == "help"

    caplog.set_level(logging.INFO)
    play(place, engine, work)

    assert "configuration: in force: /help_corridor/names" in caplog.text
    assert "configuration: restart web-0 to put in force: /api/listen" in caplog.text


def test_a_configuration_that_is_accepted_is_an_event_with_its_digest_and_no_value(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> None:
        control.reloader.note_start()
        changed(place, "help_corridor: {names: [help.test]}\n")
        done(await control.reload())
        changed(place, "", "nonsense")
        assert isinstance(await control.reload(), FailureReply)

    play(place, engine, work)

    with reading(engine) as conn:
        said = [json.loads(each) for each in conn.execute(select(events.c.text)).scalars()]
    assert [each["action"] for each in said] == ["control started", "configuration accepted"]
    assert said[1]["said"] == {"live": ["/help_corridor/names"]}
    assert said[0]["about"]["configuration"] != said[1]["about"]["configuration"]
    assert "help.test" not in json.dumps(said)


def test_a_reload_that_the_ledger_cannot_take_is_done_and_is_a_fault(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseFull("database x: no space is left on its disk; nothing written; make room there")

    async def work(control: Control) -> None:
        changed(place, "help_corridor: {names: [help.test]}\n")
        monkeypatch.setattr("filterd.control.base.context.append", refuse)
        assert done(await control.reload()).live == ["/help_corridor/names"]
        assert "configuration accepted: done, and not in the ledger" in control.faults["ledger events"]

    play(place, engine, work)


def test_another_state_directory_is_no_change_that_a_running_box_can_take(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> None:
        changed(place, "", SAID.replace("state_dir: state", "state_dir: other"))
        reply = await control.reload()
        assert isinstance(reply, FailureReply)
        assert "config /state_dir: another folder; not loaded, nor is anything else; restart all roles" in reply.reason

    play(place, engine, work)

    assert not (place / "other").exists()


def test_what_a_worker_refuses_is_not_accepted_and_workers_get_back_what_was(place: Path, engine: Engine) -> None:
    seen: list[bool] = []
    accepted = place / "state/config/accepted.yaml"

    async def answer(_: object) -> ConfigDigest | FailureReply:
        has_it = b"192.0.2.99" in accepted.read_bytes()
        seen.append(has_it)
        return FailureReply(refused="worker dns-0: no certificate") if has_it else ConfigDigest("")

    async def work(control: Control) -> None:
        done(await control.reload())
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, answer)
        changed(place, "", SAID.replace("192.0.2.53", "192.0.2.99"))
        before = accepted.read_bytes()
        with pytest.raises(ReloadRefusal, match="worker dns-0: no certificate"):
            await control.reloader.take()
        assert accepted.read_bytes() == before
        server.close()

    play(place, engine, work)

    assert seen == [True, False]


def test_a_worker_that_runs_and_gives_no_reply_has_not_taken_the_file(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.process.worker_clients.CONFIGURE_TIMEOUT_S", 0.2)
    end = asyncio.Event()

    async def be_silent(_: object) -> ConfigDigest:
        await end.wait()
        return ConfigDigest("")

    async def work(control: Control) -> None:
        done(await control.reload())
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, be_silent)
        changed(place, "", SAID.replace("192.0.2.53", "192.0.2.99"))
        with pytest.raises(ReloadRefusal, match=r"worker dns-0: .*no reply within"):
            await control.reloader.take()
        end.set()
        await asyncio.sleep(0.05)  # both conversations end
        server.close()

    play(place, engine, work)


def test_what_the_kernel_refuses_is_not_taken_in_and_the_next_reload_installs_it(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, installed = [RuntimeError("nft: busy")], list[Rules]()

    def install(_: LockKeeper, rules: Rules, at: datetime) -> None:
        if faults:
            raise faults.pop()
        installed.append(rules)

    async def work(control: Control) -> None:
        done(await control.reload())
        accepted, config = (place / "state/config/accepted.yaml").read_bytes(), control.config
        said = SAID.replace("workers: 1}", "workers: 1, clients: [198.51.100.0/24]}")
        changed(place, "splash: {address4: 192.0.2.1}\n", said)

        refused = await control.reload()

        assert isinstance(refused, FailureReply) and refused.reason == "kernel rules: nft: busy"
        assert (place / "state/config/accepted.yaml").read_bytes() == accepted
        assert control.config is config and not control.reloader.rpz_changed.is_set()

        taken = done(await control.reload())

        assert taken.live == ["/dns/clients", "/splash/address4"]
        assert [rules.subscribers for rules in installed] == [(ip_network("198.51.100.0/24"),)]
        assert control.reloader.rpz_changed.is_set() and "configuration" not in control.faults

    monkeypatch.setattr(LockKeeper, "install", install)
    play(place, engine, work)


def test_without_a_copy_before_a_refused_one_leaves_none(place: Path, engine: Engine) -> None:
    async def refuse(_: object) -> FailureReply:
        return FailureReply(refused="no")

    async def work() -> None:
        control = make(place, engine)
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, refuse)
        with pytest.raises(ReloadRefusal):
            await control.reloader.take()
        server.close()

    asyncio.run(work())

    assert not (place / "state/config/accepted.yaml").exists()


def test_zones_and_listeners_for_notify_begin_anew_only_where_they_have_changed(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[bool, bool]:
        changed(place, "help_corridor: {names: [help.test]}\n")
        await control.reloader.take()
        assert not control.reloader.rpz_changed.is_set() and not control.reloader.notify_changed.is_set()
        assert control.reloader.corridor_changed.is_set()
        changed(place, "transfers: {notify: ['127.0.0.1:5399']}\nsplash: {address4: 192.0.2.1}\n")
        await control.reloader.take()
        return control.reloader.rpz_changed.is_set(), control.reloader.notify_changed.is_set()

    assert play(place, engine, work) == (True, True)
