"""Clients of the desk that show a certificate: made by openssl, shown by curl, over real TLS."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock, PlayedControl, TokenOf
from support.system.certificates import make_certificate
from support.system.client_certificates import Authority, curl
from support.system.ports import free_port

from filterd.commands.roles.api_certificate import tls_of
from filterd.config.schema import Api
from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.bound_certificates import bind_certificate, end_certificate
from mgmt.staff.issuers import Issuer, know_issuer, put_issuer
from mgmt.staff.people import StaffState, add_person, set_state
from mgmt.staff.session import begin_session
from mgmt.web.desk.app import create_app
from mgmt.web.kit.doors import Door
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB

pytestmark = pytest.mark.services
Ask = Callable[..., Awaitable[tuple[int, Any]]]
ORDERS, STATUS = "/v1/orders", "/v1/status"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def ask(
    tmp_path: Path,
    settings: Settings,
    engine: Engine,
    database: Where,
    control: PlayedControl,
    clock: Clock,
    authority: Authority,
) -> AsyncIterator[Ask]:
    """ask(path, token, certificate) asks the desk with curl."""
    del engine
    certificate, key = make_certificate(tmp_path, "desk.isp.example")
    tls = tls_of(Api(certificate=certificate, key=key, client_ca=authority.certificate))
    of_web, port = engine_of(database, WEB), free_port()
    app = create_app(replace(settings, has_client_ca=True), of_web, control, clock, door=Door.DESK, desk_key=bytes(32))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()

    async def asked(path: str, token: str, shown: Path | None, *more: str) -> tuple[int, Any]:
        with_it = () if shown is None else ("--cert", str(shown))
        return await curl(f"https://127.0.0.1:{port}{path}", certificate, token, *with_it, *more)

    yield asked
    await runner.cleanup()
    of_web.dispose()


def der(shown: Path) -> bytes:
    return load_pem_x509_certificate(shown.read_bytes()).public_bytes(Encoding.DER)


def bind(engine: Engine, shown: Path, issuer: str | None = None, mail: str | None = None) -> Path:
    with writing(engine) as conn:
        if issuer is not None:
            know_issuer(conn, issuer, CONTROL, NOW)
        if mail is not None:
            add_person(conn, "Amna", mail, "engineer", None, CONTROL, NOW)
        bind_certificate(conn, der(shown), issuer, mail, CONTROL, NOW)
    return shown


async def test_no_connection_is_taken_without_a_certificate_of_the_authority(
    ask: Ask, token: TokenOf, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "strangers").client("pta")

    for shown in (None, stranger):
        status, said = await ask(ORDERS, token("regulator"), shown)
        assert status == 0, said


async def test_a_certificate_that_is_bound_to_nobody_opens_nothing(
    ask: Ask, token: TokenOf, authority: Authority
) -> None:
    status, said = await ask(ORDERS, token("regulator"), authority.client("pta"))

    assert (status, said["where"]) == (403, "certificate")


async def test_an_issuers_certificate_carries_its_own_tokens_alone(
    ask: Ask, token: TokenOf, authority: Authority, engine: Engine
) -> None:
    pta, court = (bind(engine, authority.client(name), name) for name in ("PTA", "court"))

    assert (await ask(ORDERS, token("regulator"), pta))[0] == 200
    assert (await ask(ORDERS, token("regulator"), court))[0] == 401
    assert (await ask(STATUS, token("engineer"), pta))[0] == 401


async def test_a_persons_certificate_carries_the_desks_tokens_and_no_issuers(
    ask: Ask, token: TokenOf, authority: Authority, engine: Engine
) -> None:
    amna = bind(engine, authority.client("amna"), mail="amna@isp.example")

    assert (await ask(STATUS, token("engineer"), amna))[0] == 200
    assert (await ask(ORDERS, token("regulator"), amna))[0] == 401


async def test_a_persons_certificate_carries_the_own_session_alone(
    ask: Ask, authority: Authority, engine: Engine
) -> None:
    amna, bilal = (bind(engine, authority.client(name), mail=f"{name}@isp.example") for name in ("amna", "bilal"))
    pta = bind(engine, authority.client("pta"), "PTA")
    with writing(engine) as conn:
        secret = begin_session(conn, 1, "password", "", NOW)

    found = [(await ask("/desk", "", shown, "-b", f"desk={secret}"))[0] for shown in (amna, bilal, pta)]

    assert found == [200, 303, 303]


async def test_a_certificate_ends_and_sleeps_with_its_owner(
    ask: Ask, token: TokenOf, authority: Authority, engine: Engine
) -> None:
    pta = bind(engine, authority.client("pta"), "PTA")
    court = bind(engine, authority.client("court"), "court")
    amna = bind(engine, authority.client("amna"), mail="amna@isp.example")
    with writing(engine) as conn:
        end_certificate(conn, der(pta), CONTROL, NOW)
        put_issuer(conn, Issuer("court", is_active=False), CONTROL, NOW)
        set_state(conn, "amna@isp.example", StaffState.DISABLED, CONTROL, NOW)

    for shown in (pta, court, amna):
        assert (await ask(STATUS, token("engineer"), shown))[0] == 403
