import json

import pytest
from support.mgmt.desk import Client, Desk, DeskOf, TokenOf

from mgmt.web.kit import rates


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three requests of a token, two of an address without one, in a minute."""
    monkeypatch.setattr(rates, "N_OF_TOKEN", 3)
    monkeypatch.setattr(rates, "N_REFUSED", 2)


async def test_a_token_that_asks_too_often_is_told_when_to_come_again_and_others_are_not_held_up(
    desk: DeskOf,
) -> None:
    api = desk("operator")

    answers = [await api.raw("GET", "/v1/reports") for _ in range(4)]

    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    _, headers, octets = answers[-1]
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert json.loads(octets)["type"] == "/v1/problems/too-many"
    assert "nothing done; ask again in " in json.loads(octets)["detail"]
    assert (await desk("operator").ask("GET", "/v1/reports"))[0] == 200


async def test_an_address_that_tries_tokens_is_told_to_come_later_and_a_token_that_counts_still_does(
    client: Client, token: TokenOf
) -> None:
    tries = [(await Desk(client, "nonsense").ask("GET", "/v1/reports"))[0] for _ in range(4)]

    assert tries == [401, 401, 429, 429]
    assert (await Desk(client, token("operator")).ask("GET", "/v1/reports"))[0] == 200
