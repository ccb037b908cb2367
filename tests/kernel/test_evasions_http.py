"""No spelling and no place of a host in a request brings a listed one to a server (E58 to E63)."""

import pytest
from support.evasion.campaign import Campaign, Field
from support.evasion.proving import assert_reaches, of_rows
from support.evasion.rows import FAMILIES
from support.evasion.segments import Row

pytestmark = pytest.mark.kernel

ROWS = [*FAMILIES["http"]]


@pytest.fixture(scope="module")
def campaign(evasion_field: Field) -> Campaign:
    return evasion_field.campaign(ROWS)


@pytest.mark.parametrize("row", of_rows(ROWS))
def test_it_reaches_a_server_where_there_is_no_gate(campaign: Campaign, row: Row) -> None:
    assert_reaches(campaign, row)


@pytest.mark.parametrize("row", of_rows(ROWS))
def test_a_listed_name_never_reaches_a_server(campaign: Campaign, row: Row) -> None:
    assert campaign.escaped(row) == []


@pytest.mark.parametrize("row", of_rows([row for row in ROWS if row.passes]))
def test_another_name_always_reaches_the_server(campaign: Campaign, row: Row) -> None:
    assert campaign.overblocked(row) == []
