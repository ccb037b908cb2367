"""What the tests of all families share."""

from collections.abc import Iterable, Mapping

import pytest
from support.evasion.campaign import NAMES, Campaign
from support.evasion.segments import Row


def of_rows(rows: Iterable[Row], is_open: Mapping[str, str] | None = None) -> list[object]:
    """Parameters with the names of the rows.   is_open: those that are known to fail, and why."""
    faults = is_open or {}
    return [
        pytest.param(
            row,
            id=row.name,
            marks=[pytest.mark.xfail(strict=True, reason=faults[row.name])] if row.name in faults else [],
        )
        for row in rows
    ]


def assert_reaches(campaign: Campaign, row: Row) -> None:
    """Some server completes all cases of the row, or none any: then it is said so in the row."""
    n_cases = len(row.bases) * len(row.framings) * len(NAMES)
    n_reached = {server: len(cases) for server, cases in campaign.reached(row).items()}
    if row.reaches:
        assert max(n_reached.values()) == n_cases, n_reached
    else:
        assert set(n_reached.values()) == {0}
