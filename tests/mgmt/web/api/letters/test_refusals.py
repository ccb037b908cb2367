"""What was refused before it came to the API is written down, in the issuer's own name alone."""

from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import DeskOf

from parental.store.database import reading
from parental.store.schema.ledger import events

SAID = {"issuer": "PTA", "channel": "mail", "reason": "forged", "sha256": "0" * 64}


def texts(engine: Engine) -> str:
    with reading(engine) as conn:
        return "".join(conn.execute(select(events.c.text)).scalars())


async def test_a_refusal_is_in_the_ledger_with_the_digest_of_what_came(desk: DeskOf, engine: Engine) -> None:
    assert await desk("regulator").ask("POST", "/v1/order-refusals", json=SAID) == (200, {"noted": True})
    assert '"mail refused"' in texts(engine) and "0" * 64 in texts(engine)


@pytest.mark.parametrize(
    ("said", "status"),
    [({"issuer": "court"}, 403), ({"channel": "fax"}, 422), ({"sha256": "0"}, 422), ({"reason": ""}, 422)],
)
async def test_what_is_no_refusal_of_its_own_is_not_written(
    desk: DeskOf, engine: Engine, said: dict[str, Any], status: int
) -> None:
    found, _ = await desk("regulator").ask("POST", "/v1/order-refusals", json=SAID | said)

    assert found == status
    assert "refused" not in texts(engine)
