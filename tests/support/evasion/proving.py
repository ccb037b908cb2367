"""What the tests of all families share."""

from collections.abc import Iterable

import pytest
from support.evasion.campaign import NAMES, Campaign
from support.evasion.segments import Row


def of_rows(rows: Iterable[Row]) -> list[object]:
    """Parameters with the names of the rows."""
    return [pytest.param(row, id=row.name) for row in rows]


def assert_reaches(campaign: Campaign, row: Row) -> None:
    """Some server completes all cases of the row, or none any: then it is said so in the row."""
    n_cases = len(row.bases) * len(row.framings) * len(NAMES)
    n_reached = {server: len(cases) for server, cases in campaign.reached(row).items()}
    if row.reaches:
        assert max(n_reached.values()) == n_cases, n_reached
    else:
        assert set(n_reached.values()) == {0}
