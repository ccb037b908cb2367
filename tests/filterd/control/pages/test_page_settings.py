"""What the desk says of the pages, from the database to all who show one; the workers are played."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.mgmt.orders import NOW as SIGNED
from support.mgmt.page_settings import HELPED, proposed_settings
from support.mgmt.signing import ORIGIN, keep_vouched, signed, signer

from filterd.box.places import worker_socket
from filterd.config import load, read_config
from filterd.config.desk_file import desk_path, read_desk
from filterd.control.base.context import Context
from filterd.control.pages.page_settings import PageSettings
from filterd.process.codec import FailureReply
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, ConfigDigest, Configure, Status, Use
from mgmt.ledger.event import CONTROL
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.shapes import NOTHING, DeskSettings, Languages
from mgmt.registers.settings.store import change
from mgmt.web.splash.canned import check_pages
from parental.store.database import writing
from parental.store.schema.settings import desk_settings

SAID = b"state_dir: state\nrun_dir: run\ndns: {upstreams: ['192.0.2.53:53'], workers: 0}\ngate: {workers: 1}\n"
NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)
ENGLISH, URDU = (DeskSettings(languages=Languages(first=code)) for code in ("en", "ur"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def context(place: Path, engine: Engine) -> Context:
    return Context(read_config(SAID, "x", place), place / "f.yaml", engine)


def say(engine: Engine, said: DeskSettings) -> None:
    with writing(engine) as conn:
        assert change(conn, Settings(), said, CONTROL, NOW, check_pages)


class Gate:
    """A worker that takes configurations, or says why not."""

    def __init__(self) -> None:
        self.asked, self.refuses = 0, False

    async def answer(self, request: Status | Use | Configure) -> object:
        assert isinstance(request, Configure)
        self.asked += 1
        return FailureReply(refused="worker gate-0: the page is too long") if self.refuses else ConfigDigest("digest")


def test_what_was_said_is_in_the_file_and_the_gate_is_told(context: Context, engine: Engine) -> None:
    gate = Gate()

    async def work() -> None:
        server = await serve(worker_socket(context.config.run_dir, "gate-0"), "worker", WORKER_REQUESTS, gate.answer)
        pages = PageSettings(context)
        say(engine, ENGLISH)
        assert (await pages.publish()).refused == {}
        server.close()

    asyncio.run(work())
    assert read_desk(context.config) == ENGLISH
    assert gate.asked == 1


def test_what_two_persons_have_signed_is_in_the_file_once_the_time_is_known_and_not_before(
    context: Context, engine: Engine
) -> None:
    vouched = keep_vouched(context.config_file.parent)
    context.config_file.write_bytes(SAID + f"api: {{desk_origin: '{ORIGIN}', {vouched}}}\n".encode())
    context.config = load(context.config_file)
    with writing(engine) as conn:
        amna, bilal = signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")
        number = proposed_settings(conn, amna)
        assert signed(conn, number, amna) is None
    pages = PageSettings(context)
    context.now_s = lambda: int(SIGNED.timestamp()) + 60
    asyncio.run(pages.tend())
    assert read_desk(context.config) == NOTHING

    with writing(engine) as conn:
        assert signed(conn, number, bilal) is None
    context.now_s = lambda: UNKNOWN
    asyncio.run(pages.tend())
    assert read_desk(context.config) == NOTHING
    context.now_s = lambda: int(SIGNED.timestamp()) + 60
    asyncio.run(pages.tend())

    assert read_desk(context.config) == HELPED


def test_what_was_said_while_nobody_listened_is_shown_later_and_once(context: Context, engine: Engine) -> None:
    gate = Gate()

    async def work() -> None:
        server = await serve(worker_socket(context.config.run_dir, "gate-0"), "worker", WORKER_REQUESTS, gate.answer)
        pages = PageSettings(context)
        say(engine, ENGLISH)
        for _ in range(3):
            await pages.tend()
        say(engine, URDU)
        gate.refuses = True
        for _ in range(2):
            with pytest.raises(OSError, match="the page is too long"):
                await pages.tend()
        gate.refuses = False
        await pages.tend()
        server.close()

    asyncio.run(work())
    assert read_desk(context.config) == URDU
    assert gate.asked == 4


def test_a_gate_that_does_not_run_refuses_nothing_it_reads_the_file_when_it_starts(
    context: Context, engine: Engine
) -> None:
    say(engine, ENGLISH)

    assert asyncio.run(PageSettings(context).publish()).refused == {}
    assert read_desk(context.config) == ENGLISH


def test_a_value_that_no_release_of_ours_has_written_is_refused_and_what_was_shown_stays(
    context: Context, engine: Engine
) -> None:
    say(engine, ENGLISH)
    pages = PageSettings(context)
    asyncio.run(pages.publish())
    with writing(engine) as conn:
        row = {"name": "languages", "value": '{"first": "fr"}', "set_s": 1, "by_kind": "", "by_name": "", "event": 0}
        conn.execute(desk_settings.insert().values(row))

    with pytest.raises(ValueError, match=r"desk_settings: .*; not shown, the last ones stay"):
        asyncio.run(pages.publish())

    assert read_desk(context.config) == ENGLISH


def test_where_nothing_was_said_the_file_says_nothing(context: Context) -> None:
    asyncio.run(PageSettings(context).tend())

    assert desk_path(context.config).exists()
    assert read_desk(context.config) == NOTHING
