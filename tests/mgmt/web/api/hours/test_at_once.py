"""Two caregivers of a household who change its hours at the same time: each change counts, and no limit is passed."""

import asyncio

from sqlalchemy import Engine
from support.mgmt.desk import DeskOf

from parental.calendar.card import MAX_A_DAY
from parental.calendar.plans import cards_of
from parental.policy.profiles import get_profile
from parental.store.database import reading

CARDS = "/v1/accounts/7/profiles/7/cards"


async def test_of_more_cards_than_a_day_has_that_two_caregivers_add_at_once_the_limit_is_kept(
    desk: DeskOf, engine: Engine
) -> None:
    mother, father = desk("parent", 7), desk("parent", 7)
    wanted = [{"kind": "prayer", "from": f"{hour:02}:00", "to": f"{hour:02}:30"} for hour in range(MAX_A_DAY + 4)]
    replies = await asyncio.gather(
        *((mother if n % 2 else father).ask("POST", CARDS, json=card) for n, card in enumerate(wanted))
    )

    statuses = sorted(status for status, _ in replies)
    with reading(engine) as conn:
        kept = cards_of(conn, [7])[7]
        schedule = get_profile(conn, 7).schedule
    assert statuses == [200] * MAX_A_DAY + [422] * 4
    assert len(kept) == MAX_A_DAY
    assert sum(each.minutes for each in schedule.intervals) == 7 * MAX_A_DAY * 30
