import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control import box
from support.control.box import database_key
from support.present import present
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.base.errors import TransferFailure
from dns.base.message import Record
from dns.zones.ixfr import Kind
from dns.zones.tsig import read_key
from dns.zones.xfr_in import Limits, Primary, ZoneTransfer, transfer
from fastpath.wire.name import to_text, to_wire
from filterd.config import load
from filterd.config.schema import OWN_LISTS
from filterd.control.base.clock import Clock
from filterd.control.base.context import guarded
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.rpz_server import zone_server
from filterd.control.service import Control
from filterd.images.lists.sources import HELP_LIST, ORDERS_LIST
from filterd.process.database.access import database_of
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order
from parental.store.database import open_database, writing
from parental.store.engines import Where

KEY_TEXT = """key "filterd-rpz" {
\talgorithm hmac-sha256;
\tsecret "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLTAwMDA=";
};
"""
SAID = """
state_dir: state
run_dir: run
dns: {{upstreams: ["192.0.2.53:53"], workers: 0}}
gate: {{workers: 0}}
splash: {{address4: 192.0.2.80}}
lists:
  - {{id: pta, file: pta.txt, format: plain, tier: order}}
  - {{id: stop, file: stop.txt, format: plain, tier: csam}}
  - {{id: adult, file: adult.txt, format: plain, tier: category, category: adult}}
help_corridor: {{names: [help.test]}}
protected: {{names: [isp.test]}}
rpz:
  listen: ["127.0.0.1:{port}"]
  zones:
    - {{name: rpz.isp.example, lists: [orders, pta], allow: [127.0.0.1/32], tsig: rpz.key}}
"""


@pytest.fixture
def port() -> Any:
    return free_port()


@pytest.fixture
def place(tmp_path: Path, port: int, database: Where) -> Any:
    (tmp_path / "f.yaml").write_text(SAID.format(port=port) + database_key(database))
    (tmp_path / "pta.txt").write_text("listed.test\nisp.test\nco.uk\nhelp.test\nworse.test\n")
    (tmp_path / "stop.txt").write_text("worse.test\nworst.test\n")
    (tmp_path / "adult.txt").write_text("adult.test\n")
    (tmp_path / "rpz.key").write_text(KEY_TEXT)
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    return tmp_path


def play(place: Path, port: int, work: Any) -> Any:
    """A control that publishes, and `work(control, owners)` beside it; owners() fetches the zone."""

    async def owners() -> set[str]:
        primary = Primary(Endpoint("127.0.0.1", port), read_key(KEY_TEXT))
        while True:
            found: list[Record] = []  # of this try alone
            with contextlib.suppress(Exception):  # before it serves
                await transfer(primary, to_wire(b"rpz.isp.example"), None, found.append, Limits())
                return {to_text(record.owner).removesuffix(".rpz.isp.example") for record in found[2:]}
            await asyncio.sleep(0.02)

    async def run() -> Any:
        engine = open_database(database_of(load(place / "f.yaml")))
        control = Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None), Clock(engine))
        await control.start()
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            task = group.create_task(control.zones.serve())
            given = await work(control, owners)
            task.cancel()
        engine.dispose()
        return given

    return asyncio.run(run())


def push(engine: Engine, name: str) -> Any:
    order = Order("PTA", "T-1", "a law", "subtree", None, False, ((name, "subtree"),))
    entry = Entry(1, name, to_wire(name.encode()), EntryMode.SUBTREE, EntryStatus.PENDING, None)
    with writing(engine) as conn:
        return put_order(conn, order, [entry], b"", datetime.now(UTC), CONTROL)


@pytest.mark.services
def test_the_zone_holds_what_workers_enforce_and_nothing_of_other_or_confidential_lists(place: Path, port: int) -> None:
    async def work(control: Control, owners: Any) -> Any:
        return await owners()

    # isp.test is protected, co.uk a public suffix; help.test is an order's, which outranks the corridor
    assert play(place, port, work) == {
        f"{star}{name}" for star in ("", "*.") for name in ("listed.test", "worse.test", "help.test")
    }


@pytest.mark.services
def test_an_order_is_in_the_zone_as_soon_as_the_workers_have_it(place: Path, port: int) -> None:
    async def work(control: Control, owners: Any) -> Any:
        before = await owners()
        push(control.context.engine, "ordered.test")
        await control.publisher.names_changed()
        while (after := await owners()) == before:  # noqa: ASYNC110  a secondary asks, too
            await asyncio.sleep(0.02)
        return after - before, (await control.explainer.status()).rpz["zones"]

    new, status = play(place, port, work)

    assert new == {"ordered.test", "*.ordered.test"}
    assert [(each["zone"], each["records"], each["unpublished"]) for each in status] == [("rpz.isp.example", 8, {})]


@pytest.mark.services
def test_the_serial_is_that_of_the_names_in_force(place: Path, port: int) -> None:
    async def work(control: Control, owners: Any) -> Any:
        await owners()
        return present(control.explainer.rpz).status()["zones"][0]["serial"], max(
            control.publisher.generations["names"]
        )

    serial, generation = play(place, port, work)

    assert serial == generation


@pytest.mark.services
def test_a_zone_that_a_reload_changes_is_fetched_whole_under_another_serial(
    place: Path, port: int, engine: Engine
) -> None:
    async def work(control: Control) -> Any:
        first, _ = await fetched(control, port, None)
        again, _ = await fetched(control, port, first.serial)
        assert again.kind is Kind.CURRENT
        config = place / "f.yaml"
        config.write_text(config.read_text().replace("lists: [orders, pta]", "lists: [orders, adult]"))
        await control.reloader.take()
        return await fetched(control, port, first.serial)

    changed, owners = box.play(place, engine, work)

    assert changed.kind is Kind.WHOLE
    assert owners == {"adult.test", "*.adult.test"}


async def fetched(control: Control, port: int, serial: int | None) -> tuple[ZoneTransfer, set[str]]:
    """What a secondary that has `serial` gets once the zones are served anew, and the owners of a whole zone."""
    primary = Primary(Endpoint("127.0.0.1", port), read_key(KEY_TEXT))
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        task = group.create_task(control.zones.serve())
        while True:
            found: list[Record] = []
            with contextlib.suppress(TransferFailure):  # before it serves
                given = await transfer(primary, to_wire(b"rpz.isp.example"), serial, found.append, Limits())
                break
            await asyncio.sleep(0.02)
        task.cancel()
    return given, {to_text(record.owner).removesuffix(".rpz.isp.example") for record in found[2:]}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", r"zone rpz.isp.example: .*rpz.key: no TSIG key; not used; write what tsig-keygen prints"),
        ('key "a" { algorithm hmac-md5; secret "AAAA"; };', "algorithm hmac-md5; not used"),
    ],
)
def test_a_key_that_cannot_be_read_is_said_with_its_file_and_without_its_secret(
    place: Path, text: str, found: str
) -> None:
    (place / "rpz.key").write_text(text)

    with pytest.raises(ValueError, match=found) as raised:
        zone_server(load(place / "f.yaml"))
    assert "AAAA" not in str(raised.value)


def test_an_address_that_is_not_there_yet_is_a_fault_and_the_role_goes_on(place: Path, port: int) -> None:
    text = (place / "f.yaml").read_text().replace(f"127.0.0.1:{port}", "192.0.2.1:5380")
    (place / "f.yaml").write_text(text)
    engine = open_database(database_of(load(place / "f.yaml")))
    control = Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None), Clock(engine))

    asyncio.run(guarded(control.faults, "rpz", control.zones.serve))

    assert "assign requested address" in control.faults["rpz"]
    engine.dispose()


def test_the_configuration_knows_the_lists_that_have_no_source() -> None:
    assert set(OWN_LISTS) == {HELP_LIST, ORDERS_LIST}
