from datetime import UTC, datetime
from itertools import pairwise

from support.system.seeded import Life

from filterd.lab.seed.families import FAMILIES, changes_of
from filterd.lab.seed.month import Month
from mgmt.web.kit.auth import find_principal
from parental.policy.profile import NOT_PAUSED
from parental.policy.subscribers import iter_subscribers


def test_three_families_have_the_rules_that_they_chose_and_no_pause_goes_on(life: Life) -> None:
    lines = {line.id: line for line in iter_subscribers(life.conn)}

    assert lines.keys() == {family.line for family in FAMILIES}
    assert all(lines[family.line].profile == family.profile for family in FAMILIES)
    assert {line.profile.paused_until_s for line in lines.values()} == {NOT_PAUSED}


def test_a_parents_token_is_of_the_own_line(life: Life) -> None:
    for family in FAMILIES:
        found = find_principal(life.conn, life.filled.tokens[f"parent {family.line}"], datetime.now(UTC))
        assert found is not None
        assert (found.roles, found.subscriber) == (frozenset({"parent"}), family.line)


def test_a_pause_begins_after_the_family_has_come_and_its_end_follows(month: Month) -> None:
    for family in FAMILIES:
        times: list[datetime] = [change.at for change in changes_of(month, [family])]
        assert all(before < after for before, after in pairwise(times))
        assert times[-1] <= month.end
