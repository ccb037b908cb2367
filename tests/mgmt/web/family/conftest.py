from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection, Engine
from support.mgmt.answering import SECRET
from support.mgmt.desk import NOW, Clock, PlayedControl
from support.mgmt.phone import Phone, add_caregiver
from support.present import present

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.family.requests.replies import Replies
from mgmt.web.family.session import Session, begin_for, find_session
from mgmt.web.family.sms import Outbox
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB


@pytest.fixture
async def phone(
    settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock, tmp_path: Path
) -> AsyncIterator[Phone]:
    """A telephone at the pages, which act as the role web may."""
    del engine  # it has made the tables and the lines
    of_web = engine_of(database, WEB)
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    app = create_app(settings, of_web, control, clock, sms=Outbox(outbox))
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Phone(client, outbox)
    of_web.dispose()


@pytest.fixture
async def parent(phone: Phone, engine: Engine) -> Phone:
    """The telephone of a parent who has signed in."""
    add_caregiver(engine)
    await phone.with_number()
    return phone


@pytest.fixture
def session(engine: Engine) -> Session:
    """A parent who has signed in."""
    caregiver = add_caregiver(engine)
    with writing(engine) as conn:
        return present(find_session(conn, begin_for(conn, caregiver, NOW), NOW))


@pytest.fixture
def conn(engine: Engine, session: Session) -> Iterator[Connection]:
    """A transaction after that."""
    del session  # it has written before: a writer is alone
    with writing(engine) as conn:
        yield conn


@pytest.fixture
async def answering(
    settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock, tmp_path: Path
) -> AsyncIterator[Phone]:
    """A telephone at the pages of a box that takes answers, as the role web may."""
    del engine  # it has made the tables and the lines
    of_web = engine_of(database, WEB)
    for folder in ("outbox", "inbox"):
        (tmp_path / folder).mkdir()
    replies = Replies("msisdn", "body", SECRET, tmp_path / "inbox")
    app = create_app(settings, of_web, control, clock, sms=Outbox(tmp_path / "outbox"), replies=replies)
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Phone(client, tmp_path / "outbox")
    of_web.dispose()
