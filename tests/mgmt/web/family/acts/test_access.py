import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver

PAGES = ("", "/hours/7", "/hours/7/new/sleep", "/days", "/rules/7", "/rules/7/sees", "/people", "/changes")
OF_HOURS = ("hours/7/save", "hours/7/draft", "hours/7/undo", "days/save", "days/undo")
FORMS = ("pause", "everyone", "undo", *OF_HOURS, "rules/7/save", "rules/7/undo", "people/invite")
SIGN_IN = 'action="/family/number'


@pytest.mark.parametrize("where", PAGES)
async def test_a_page_is_for_who_is_signed_in_and_others_get_the_page_to_sign_in(
    phone: Phone, engine: Engine, where: str
) -> None:
    add_caregiver(engine)
    assert SIGN_IN in (await phone.get(where))[2]

    await phone.with_number()

    status, _, text = await phone.get(where)
    assert (status, SIGN_IN in text) == (200, False)


@pytest.mark.parametrize("to", FORMS)
async def test_a_form_counts_from_our_page_of_who_is_signed_in_alone(parent: Phone, to: str) -> None:
    csrf = await parent.csrf()

    assert (await parent.send(to, csrf="0" * 64))[0] == 403
    assert (await parent.send(to))[0] == 403
    assert (await parent.send(to, csrf=csrf, origin="https://elsewhere.example"))[0] == 403
    parent.client.session.cookie_jar.clear()
    status, text = await parent.send(to, csrf=csrf)
    assert (status, SIGN_IN in text) == (403, True)


@pytest.mark.parametrize("to", ["hours/7/save", "rules/7/save", "people/invite"])
async def test_a_helper_reads_on_the_page_what_is_not_a_helper_s_to_do(phone: Phone, engine: Engine, to: str) -> None:
    add_caregiver(engine, "helper")
    await phone.with_number()

    status, said = await phone.fill_in(to, name="Hina", phone="0301 7654321", role="helper")

    assert (status, "You are a helper here and may not do this" in said) == (403, True)


@pytest.mark.parametrize("to", ["hours/7/undo", "days/undo", "rules/7/undo"])
async def test_what_is_too_late_to_take_back_is_said_on_the_page(parent: Phone, to: str) -> None:
    status, said = await parent.fill_in(to)

    assert (status, "This cannot be taken back any more" in said) == (409, True)


async def test_a_profile_of_another_household_is_gone(parent: Phone) -> None:
    for where in ("/hours/8", "/rules/8", "/hours/999999999999999999"):
        status, _, text = await parent.get(where)
        assert (status, "Sana" in text_of(text)) == (404, False)


async def test_a_form_of_a_session_before_says_that_nothing_was_changed(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    csrf = await parent.csrf()
    await parent.send("logout", csrf=csrf)
    clock.forward(seconds=40)
    await parent.with_number()

    status, text = await parent.send("hours/7/remove", csrf=csrf, profile="7")

    assert status == 403 and "This page was too old. Nothing was changed." in text and SIGN_IN not in text
    assert '<a class="tap" href="/family/hours/7?lang=en">' in text


@pytest.mark.parametrize("to", ["pause", "switch", "logout"])
async def test_a_form_of_a_session_that_has_ended_says_so_where_one_signs_in(
    parent: Phone, clock: Clock, to: str
) -> None:
    csrf = await parent.csrf()
    clock.forward(days=31)

    status, text = await parent.send(to, csrf=csrf, profile="7")

    assert (status, SIGN_IN in text) == (403, True) and "Nothing was changed. Sign in again." in text
