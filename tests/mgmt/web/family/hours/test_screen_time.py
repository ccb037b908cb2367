import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from parental.calendar.screen_time import quota_of
from parental.store.database import reading

PIN = {"pin": "2468", "again": "2468"}


def minutes_of(engine: Engine, profile: int) -> int | None:
    with reading(engine) as conn:
        found = quota_of(conn, profile)
    return None if found is None else found.minutes


async def test_a_first_limit_and_fewer_minutes_take_no_pin_and_more_and_none_do(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    child = add_child(engine)
    where = f"hours/{child}/quota"
    assert "Screen time a day" in await parent.words(f"/hours/{child}")

    for minutes in ("120", "60"):
        status, said = await parent.fill_in(where, minutes=minutes, sure="now")
        assert status == 200 and "✔ saved" in said and minutes_of(engine, child) == int(minutes)
    assert "Begin screen time" in await parent.words()

    for minutes in ("90", "0"):
        _, said = await parent.fill_in(where, minutes=minutes)
        assert "This opens hours that are closed now." in said and minutes_of(engine, child) == 60
    await parent.fill_in(where, minutes="0", **PIN)
    assert minutes_of(engine, child) is None and "Minutes a day changed" in await parent.words("/changes")


@pytest.mark.parametrize("minutes", ["", "7", "0", "x", "99999"])
async def test_what_is_no_choice_or_changes_nothing_is_not_stored(parent: Phone, engine: Engine, minutes: str) -> None:
    child = add_child(engine)

    assert (await parent.fill_in(f"hours/{child}/quota", minutes=minutes, **PIN))[0] == 409
    assert minutes_of(engine, child) is None


async def test_the_home_another_household_s_child_and_one_that_nothing_can_close_get_no_limit(
    parent: Phone, engine: Engine
) -> None:
    foreign = add_child(engine, account=8, prefix="192.0.2.8")
    bare = add_child(engine, "Bare", prefix=None)

    assert "Screen time a day" not in await parent.words("/hours/7")
    for profile, status in ((7, 409), (bare, 409), (foreign, 404)):
        assert (await parent.fill_in(f"hours/{profile}/quota", minutes="60"))[0] == status


async def test_a_helper_sets_none(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    child = add_child(engine)
    await phone.with_number()

    assert (await phone.fill_in(f"hours/{child}/quota", minutes="60"))[0] == 403
    assert minutes_of(engine, child) is None
