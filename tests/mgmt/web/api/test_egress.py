"""The register of addresses that ask DNS, over the API."""

import pytest
from sqlalchemy import Engine
from support.mgmt.confirmed import SIGNER
from support.mgmt.desk import NOW, DeskOf
from support.mgmt.events import events_of

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.egress.statement import Gateway, Source, check_document
from mgmt.registers.egress.store import tell
from mgmt.web.api.status import EGRESS
from parental.store.database import reading, writing

PATH = "/v1/dns-sources"


@pytest.fixture
def known(engine: Engine) -> None:
    with writing(engine) as conn:
        tell(conn, Gateway("gw1", [Source("192.0.2.1", "route")], is_whole=True), SIGNER, NOW)


async def test_before_a_gateway_has_told_there_is_nothing(desk: DeskOf) -> None:
    assert (await desk("compliance").ask("GET", PATH))[0] == 404


@pytest.mark.usefixtures("known")
async def test_the_signed_file_is_given_and_the_notice_of_the_change_ends(engine: Engine, desk: DeskOf) -> None:
    assert EGRESS in (await desk("engineer").ask("GET", "/v1/status"))[1]["notices"]

    status, _, octets = await desk("auditor").raw("GET", PATH)

    text = check_document(octets, [SIGNER.vkey])
    assert status == 200 and EGRESS not in (await desk("engineer").ask("GET", "/v1/status"))[1]["notices"]
    with reading(engine) as conn:
        assert events_of(conn, "pulls")[-1]["said"] == {"format": "json", "sha256": digest_of(text)}


@pytest.mark.usefixtures("known")
async def test_it_comes_as_a_table_and_not_to_everyone(desk: DeskOf) -> None:
    assert b"gw1,192.0.2.1,route,yes" in (await desk("compliance").raw("GET", PATH + "?format=csv"))[2]
    for role in ("support", "approver", "regulator"):
        assert (await desk(role).ask("GET", PATH))[0] == 403
