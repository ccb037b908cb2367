import re
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.outline import text_of
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.family.filter_state import FILTER, Look, look
from mgmt.web.family.rules.presets import PRESETS
from mgmt.web.splash.pages import Facts
from mgmt.web.splash.pages import page as splash_page
from parental.policy.profile import Profile
from parental.policy.profiles import get_profile, put_profile
from parental.store.database import reading, writing
from rules.base.category import CATEGORIES, SERVICES

PIN = {"pin": "2468", "again": "2468"}
ALL = {"shows-kinds": "1", "shows-services": "1", "shows-packets": "1"}


def held(engine: Engine, profile: int = 7) -> Profile:
    with reading(engine) as conn:
        return get_profile(conn, profile)


async def send(phone: Phone, did: str, profile: Any = 7, **fields: Any) -> tuple[int, str]:
    return await phone.fill_in(f"rules/{profile}/{did}", **{"seen": await phone.seen(f"/rules/{profile}"), **fields})


async def test_an_age_is_one_tap_and_the_page_says_which_one_holds(parent: Phone, engine: Engine) -> None:
    status, said = await send(parent, "preset", ages="10-12")

    assert status == 200 and "saved 9:00:03 pm" in said and "✔ 10–12" in said
    assert held(engine).blocked_categories == PRESETS["10-12"].closed
    assert (held(engine).safe_search, held(engine).youtube) == ("strict", "strict")
    _, said = await send(parent, "undo")
    assert "taken back" in said and held(engine).blocked_categories == frozenset()


async def test_an_older_age_takes_the_pin_which_says_what_it_opens(parent: Phone, engine: Engine) -> None:
    await send(parent, "preset", ages="7-9")

    _, said = await send(parent, "preset", ages="16-17")
    assert "This opens:" in said and "social media" in said and "Safe search" in said
    assert held(engine).blocked_categories == PRESETS["7-9"].closed
    await send(parent, "preset", ages="16-17", **PIN)
    assert held(engine).blocked_categories == PRESETS["16-17"].closed


async def test_every_kind_and_every_service_is_a_picture_with_words(parent: Phone) -> None:
    text = (await parent.get("/rules/7"))[2]

    found = set(re.findall(r'name="c-([a-z0-9-]+)"', text))
    assert found == {*CATEGORIES, *SERVICES} - {"education"}
    assert "🎰 gambling" in text_of(text) and "📱 TikTok" in text_of(text)


async def test_what_is_ticked_is_closed_and_what_the_form_does_not_offer_stays(parent: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        put_profile(conn, 7, Profile(frozenset({"education"})))
    ticked = {"c-gambling": "1", "c-tiktok": "1", "c-quic": "1", "canaries": "1"}

    await send(parent, "save", safe_search="strict", youtube="moderate", **ticked, **ALL)

    found = held(engine)
    assert found.blocked_categories == {"gambling", "tiktok", "quic", "education"}
    assert (found.safe_search, found.youtube, found.canaries) == ("strict", "moderate", True)


async def test_a_kind_that_no_list_holds_is_not_offered_nor_named_to_the_child_and_stays_as_it_is(
    parent: Phone, engine: Engine, settings: Settings
) -> None:
    assert "Only the kinds that are shown below" not in await parent.words("/rules/7")
    await send(parent, "preset", ages="10-12")
    settings.closable = frozenset({"adult", "social", "youtube", "bypass"})
    text = (await parent.get("/rules/7"))[2]

    assert set(re.findall(r'name="c-([a-z0-9-]+)"', text)) == settings.closable
    assert "Only the kinds that are shown below can be closed here." in text_of(text)
    sees = await parent.words("/rules/7/sees")
    assert "adult content" in sees and "gambling" not in sees
    ticked = {"c-adult": "1", "c-social": "1", "c-bypass": "1", "c-youtube": "1", "c-games": "1"}
    await send(parent, "save", **ticked, safe_search="strict", youtube="strict", **ALL)
    assert held(engine).blocked_categories == PRESETS["10-12"].closed | {"youtube"}


async def test_a_kind_whose_lists_have_not_come_yet_is_not_called_closed_until_one_is_in_force(
    parent: Phone, engine: Engine, settings: Settings, control: PlayedControl
) -> None:
    await send(parent, "preset", ages="10-12")
    settings.closable = frozenset({"adult", "gambling", "quic"})
    control.kinds = ["adult"]
    await look(parent.app)
    seen = await parent.seen("/rules/7")

    for where in ("/rules/7", "/rules/7/sees"):
        said = await parent.words(where)
        assert "adult content" in said.lower() and "gambling" not in said.lower()
    assert "Only the kinds that are shown below can be closed here." in await parent.words("/rules/7")
    assert 'name="c-quic"' in (await parent.get("/rules/7"))[2]  # the gate holds it, and no list

    control.kinds = ["adult", "gambling"]
    await look(parent.app)
    assert "gambling" in (await parent.words("/rules/7/sees")).lower()
    status, said = await send(parent, "save", seen=seen, **{"c-adult": "1"}, **ALL)
    assert status == 409 and "gambling" in held(engine).blocked_categories  # a page of before shows less


@pytest.mark.parametrize("did", ["save", "preset"])
async def test_a_page_of_before_anothers_change_takes_nothing_back_and_is_shown_anew(
    parent: Phone, engine: Engine, did: str
) -> None:
    await send(parent, "save", **{"c-video": "1"}, **ALL)
    await send(parent, "save", **ALL, **PIN)  # the PIN is not asked again for a while
    seen = await parent.seen("/rules/7")
    with writing(engine) as conn:
        put_profile(conn, 7, Profile(frozenset({"games", "shopping"})))  # by another caregiver

    status, said = await send(parent, did, seen=seen, ages="16-17", **{"c-video": "1"}, **ALL)

    assert status == 409 and "Someone has changed this since you opened the page" in said
    assert held(engine).blocked_categories == {"games", "shopping"}
    assert (await send(parent, did, ages="7-9", **{"c-games": "1", "c-shopping": "1", "c-video": "1"}, **ALL))[0] == 200


async def test_a_tick_taken_away_takes_the_pin(parent: Phone, engine: Engine, clock: Clock) -> None:
    await send(parent, "save", **{"c-gambling": "1", "c-tiktok": "1"}, **ALL)

    _, said = await send(parent, "save", **{"c-gambling": "1"}, **ALL)
    assert "This opens: TikTok" in said and "tiktok" in held(engine).blocked_categories
    await send(parent, "save", **{"c-gambling": "1"}, **ALL, **PIN)
    assert held(engine).blocked_categories == {"gambling"}

    clock.forward(minutes=6)
    status, said = await send(parent, "save", **ALL, pin="1357")
    assert status == 403 and held(engine).blocked_categories == {"gambling"}


async def test_a_pasted_link_is_closed_without_the_pin_and_kept_open_with_it(parent: Phone, engine: Engine) -> None:
    link = "https://www.youtube.com/watch?v=1"
    _, said = await send(parent, "name", link=link, how="denied")
    assert "youtube.com: closed, with all below it." in said
    assert "It belongs to YouTube." in said and held(engine).denied == {"youtube.com"}

    _, said = await send(parent, "name", link=link, how="allowed")
    assert "This opens: youtube.com" in said and held(engine).denied == {"youtube.com"}
    _, said = await send(parent, "name", link=link, how="allowed", **PIN)
    assert "stays open with all below it" in said
    assert not held(engine).denied and held(engine).allowed == {"youtube.com"}

    await send(parent, "drop", name="youtube.com")
    assert held(engine).allowed == frozenset()


async def test_what_holds_no_name_is_shown_again_and_not_stored(parent: Phone, engine: Engine) -> None:
    status, text = await parent.send("rules/7/name", csrf=await parent.csrf(), link='"><b>com.pk', how="denied")

    assert status == 422 and "This holds no name of one site" in text
    assert "&#34;&gt;&lt;b&gt;com.pk" in text and held(engine).denied == frozenset()


async def test_what_only_the_gate_enforces_is_not_offered_where_no_packet_comes_from(
    parent: Phone, engine: Engine
) -> None:
    bare = add_child(engine, "Bilal", prefix=None)

    said = await parent.words(f"/rules/{bare}")
    assert "nothing can be closed here" in said and "By age" not in said
    assert (await send(parent, "preset", bare, ages="7-9"))[0] == 409
    assert held(engine, bare).blocked_categories == frozenset()


async def test_what_the_child_sees_is_what_the_splash_says(parent: Phone, settings: Settings, clock: Clock) -> None:
    await send(parent, "save", **{"c-gambling": "1"}, **ALL)
    await send(parent, "name", link="b.example", how="denied")
    said = await parent.words("/rules/7/sees")

    for facts, sentence in (
        (Facts("category", category="gambling"), "Your family keeps this kind of page closed: gambling."),
        (Facts("household"), "Your family keeps this page closed."),
    ):
        assert sentence in said and sentence in text_of(splash_page(facts, "en", settings, clock()))
    assert "TikTok" not in said


async def test_a_helper_sees_the_rules_and_changes_none(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    await phone.with_number()

    said = await phone.words("/rules/7")
    assert "Our own sites" in said and "By age" not in said
    for did in ("preset", "save", "name", "drop"):
        assert (await send(phone, did, ages="7-9", link="b.example", **ALL))[0] == 403
    assert held(engine).blocked_categories == held(engine).denied == frozenset()


@pytest.mark.parametrize("profile", [8, 99999, 999999999999])
async def test_rules_of_another_household_are_neither_shown_nor_changed(
    parent: Phone, engine: Engine, profile: int
) -> None:
    assert (await parent.get(f"/rules/{profile}"))[0] == 404
    assert (await parent.get(f"/rules/{profile}/sees"))[0] == 404
    for did in ("preset", "save", "name", "drop"):
        assert (await send(parent, did, profile, ages="7-9", link="b.example", **ALL))[0] == 404
    assert held(engine, 8).blocked_categories == frozenset()


async def test_from_another_site_or_without_a_session_nothing_is_changed(parent: Phone, engine: Engine) -> None:
    csrf = await parent.csrf()
    for did in ("preset", "save", "name", "drop", "undo"):
        sent = await parent.send(
            f"rules/7/{did}", csrf=csrf, origin="https://evil.example", ages="7-9", link="b.example"
        )
        assert sent[0] == 403
    parent.client.session.cookie_jar.clear()
    assert "Your mobile number" in await parent.words("/rules/7")
    assert held(engine).blocked_categories == frozenset()


async def test_nonsense_changes_nothing(parent: Phone, engine: Engine) -> None:
    assert (await send(parent, "preset", ages="99"))[0] == 409
    await send(parent, "save", safe_search="x", youtube="", **{"c-x": "1"})
    assert held(engine).safe_search == "off" and held(engine).blocked_categories == frozenset()


async def test_without_a_list_of_adult_sites_no_age_can_be_chosen_and_none_is_ticked(
    parent: Phone, engine: Engine
) -> None:
    with writing(engine) as conn:
        put_profile(conn, 7, PRESETS["7-9"].applied(Profile()))
    parent.app[FILTER].last = Look(kinds=frozenset({"gambling"}))

    said = await parent.words("/rules/7")
    assert "Rules by age cannot be chosen yet" in said and "✔ 7–9" not in said and "16–17" not in said
    status, _ = await send(parent, "preset", ages="16-17", **PIN)  # a page of before offers it

    assert status == 409 and held(engine).blocked_categories == PRESETS["7-9"].closed
    parent.app[FILTER].last = Look(kinds=frozenset({"adult"}))
    assert "✔ 7–9" in await parent.words("/rules/7")
