from pathlib import Path
from typing import Any, get_args

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.mgmt.desk import Client

from mgmt.orders.base.model import SCOPES
from mgmt.orders.base.pushed import Scope
from mgmt.registers.records.wrong_blocks import OUTCOMES
from mgmt.web.api.line_shapes import Day, SafeSearch
from mgmt.web.api.reports import Outcome
from mgmt.web.desk.app import ROUTES
from mgmt.web.kit.auth import Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.openapi import PATH, document
from mgmt.web.kit.problems import KINDS, MEANINGS, TITLES
from parental.policy.profile import SAFE_SEARCH
from parental.policy.schedule import DAYS


def test_the_document_is_one_of_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(document(ROUTES)).validate()


def test_every_route_says_what_it_does_and_what_it_answers() -> None:
    said = document(ROUTES)["paths"]

    for route in ROUTES:
        operation = said[route.path][route.method.lower()]
        assert operation["summary"].endswith("."), route.path
        assert any(status < "300" for status in operation["responses"]), route.path


def test_a_route_with_a_name_in_its_path_that_has_no_meaning_is_no_document() -> None:
    async def endpoint(*_: Any) -> Any:
        """Do it."""

    with pytest.raises(KeyError, match="colour"):
        document([Route("GET", "/v1/x/{colour}", endpoint, "orders.read", Contract())])


async def test_the_document_is_served_to_all_as_it_is_in_the_manual(client: Client) -> None:
    async with client.get(PATH) as response:
        assert response.status == 200
        assert await response.json() == document(ROUTES)
    assert (Path(__file__).parents[4] / "docs/openapi.json").exists()


@pytest.mark.parametrize("kind", MEANINGS)
async def test_the_type_of_a_problem_leads_to_its_meaning(client: Client, kind: str) -> None:
    async with client.get(f"/v1/problems/{kind}") as response:
        assert (response.status, await response.text()) == (200, MEANINGS[kind] + "\n")
    assert (await client.get("/v1/problems/none")).status == 404


def test_every_status_has_a_kind_and_every_kind_a_meaning() -> None:
    assert KINDS.keys() == TITLES.keys()
    assert set(KINDS.values()) <= MEANINGS.keys()


@pytest.mark.parametrize(
    ("shape", "known"), [(Day, DAYS), (SafeSearch, SAFE_SEARCH), (Outcome, OUTCOMES), (get_args(Scope)[0], SCOPES)]
)
def test_what_a_field_may_be_is_what_the_rooms_below_know(shape: Any, known: tuple[str, ...]) -> None:
    assert get_args(shape) == known
