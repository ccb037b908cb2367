import pytest
from sqlalchemy import Engine, select, update
from support.mgmt.desk import Clock
from support.mgmt.phone import Phone, add_caregiver
from support.present import present

from mgmt.web.family.pin import FREE, is_fresh, remove_pin
from mgmt.web.family.session import LIFE, begin_for, find_session, keep_pin
from parental.people.household import history
from parental.policy.profiles import get_profile
from parental.store.database import reading, writing
from parental.store.schema.access import family_pins, sessions


async def paused_with_pin(phone: Phone, engine: Engine, clock: Clock) -> None:
    """A household with the PIN 2468, whose line is paused, and a phone on which it is asked."""
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)
    await phone.tap("resume", 7, pin="2468", again="2468")
    await phone.tap("pause", 7)
    clock.forward(minutes=6)


def is_paused(engine: Engine) -> bool:
    with reading(engine) as conn:
        return get_profile(conn, 7).paused_until_s > 0


@pytest.mark.parametrize(
    ("pin", "again", "why"),
    [
        ("1111", "1111", "A child tries this PIN first"),
        ("1234", "1234", "A child tries this PIN first"),
        ("987654", "987654", "A child tries this PIN first"),
        ("123", "123", "A PIN has 4 to 6 digits"),
        ("1357924", "1357924", "A PIN has 4 to 6 digits"),
        ("13a7", "13a7", "A PIN has 4 to 6 digits"),
        ("2468", "2486", "The two are not the same"),
        ("", "", "A PIN has 4 to 6 digits"),
    ],
)
async def test_a_pin_that_is_none_or_too_easy_is_not_set(
    phone: Phone, engine: Engine, pin: str, again: str, why: str
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    await phone.tap("pause", 7)

    status, said = await phone.tap("resume", 7, pin=pin, again=again)

    assert status == 403 and why in said and is_paused(engine)


async def test_after_some_wrong_pins_each_takes_longer_also_for_the_right_one_and_all_caregivers_see_it(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    await paused_with_pin(phone, engine, clock)
    for _ in range(FREE):
        assert "This is not the PIN" in (await phone.tap("resume", 7, pin="9753"))[1]

    assert "Try again in 1 min" in (await phone.tap("resume", 7, pin="2468"))[1]
    clock.forward(seconds=60)
    await phone.tap("resume", 7, pin="9753")
    assert "Try again in 2 min" in (await phone.tap("resume", 7, pin="2468"))[1]
    assert is_paused(engine)
    assert "PIN wrong several times" in await phone.words("/changes")
    clock.forward(seconds=120)
    assert (await phone.tap("resume", 7, pin="2468"))[0] == 200 and not is_paused(engine)


async def test_all_pins_of_four_digits_take_more_than_a_year(phone: Phone, engine: Engine, clock: Clock) -> None:
    await paused_with_pin(phone, engine, clock)
    began, n = clock.now, 14
    for _ in range(n):
        while "Try again in" in (said := (await phone.tap("resume", 7, pin="9753"))[1]):
            clock.forward(minutes=1)
        assert "This is not the PIN" in said

    assert (clock.now - began).total_seconds() > 3 * 3600  # the last waits are of an hour each
    assert is_paused(engine)


async def test_a_clock_that_goes_back_keeps_no_one_out(phone: Phone, engine: Engine, clock: Clock) -> None:
    await paused_with_pin(phone, engine, clock)
    for _ in range(FREE):
        await phone.tap("resume", 7, pin="9753")

    clock.forward(days=-1)
    with writing(engine) as conn:
        conn.execute(update(sessions).values(pin_until_s=0))

    assert (await phone.tap("resume", 7, pin="2468"))[0] == 200 and not is_paused(engine)


async def test_a_pin_is_in_no_row_in_clear_and_not_in_the_households_record(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    await paused_with_pin(phone, engine, clock)

    with reading(engine) as conn:
        (row,) = conn.execute(select(family_pins)).all()
        assert row.hash.startswith("$argon2id$") and "2468" not in str(row.hash)
        assert "pin set" in [each.action for each in history(conn, 7)]
        assert not any("2468" in each.about for each in history(conn, 7))


async def test_a_pin_that_was_removed_is_set_again(phone: Phone, engine: Engine, clock: Clock) -> None:
    await paused_with_pin(phone, engine, clock)
    with writing(engine) as conn:
        assert remove_pin(conn, 7) and not remove_pin(conn, 7)

    assert "Choose a family PIN" in (await phone.tap("resume", 7))[1]
    assert (await phone.tap("resume", 7, pin="8642", again="8642"))[0] == 200


async def test_a_pin_that_was_removed_opens_nothing_where_it_was_right_also_for_30_days(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    await paused_with_pin(phone, engine, clock)
    await phone.tap("resume", 7, pin="2468", alone="1")
    await phone.tap("pause", 7)
    with writing(engine) as conn:
        remove_pin(conn, 7)

    assert "Choose a family PIN" in (await phone.tap("resume", 7))[1] and is_paused(engine)


async def test_a_first_pin_is_asked_on_every_other_phone_and_not_on_the_one_that_sets_it(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    await paused_with_pin(phone, engine, clock)
    hina = add_caregiver(engine, "parent", number="+923017654321", name="Hina")
    with writing(engine) as conn:
        remove_pin(conn, 7)
        other = begin_for(conn, hina, clock.now)
        keep_pin(conn, other, clock.now, clock.now + LIFE)  # as by a release before

    await phone.tap("resume", 7, pin="8642", again="8642", alone="1")

    with writing(engine) as conn:
        assert not is_fresh(present(find_session(conn, other, clock.now)), clock.now)
    await phone.tap("pause", 7)
    assert "PIN" not in (await phone.tap("resume", 7))[1] and not is_paused(engine)
