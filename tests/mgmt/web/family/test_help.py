from sqlalchemy import Engine
from support.mgmt.phone import Phone, add_caregiver

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.family.help import LESSONS, TOPICS


async def test_help_is_open_to_all_in_both_languages_and_leaves_nothing_behind(phone: Phone) -> None:
    status, headers, text = await phone.get("/help")

    assert status == 200 and "Set-Cookie" not in headers
    assert text.count("<section") == len(TOPICS)
    assert "Someone is blackmailing me with pictures" in text and 'href="tel:1121"' in text
    assert "یہ آپ کا قصور نہیں" in (await phone.get("/help", "lang=ur"))[2]


async def test_each_page_has_a_helpline_above_all_else(phone: Phone) -> None:
    text = (await phone.get())[2]

    assert text.index('class="help" href="tel:1121"') < text.index("<h1>")


async def test_where_nothing_takes_reports_none_is_spoken_of(phone: Phone, settings: Settings) -> None:
    assert "Report a website" in await phone.words("/help")

    settings.report_url = None

    assert "Report a website" not in await phone.words("/help")


async def test_what_a_family_should_know_is_open_to_all_in_both_languages_a_tap_from_help(phone: Phone) -> None:
    assert 'href="/family/learn?lang=en"' in (await phone.get("/help"))[2]
    for query, words in (("lang=en", "What a filter cannot do"), ("lang=ur", "فلٹر کیا نہیں کر سکتا")):
        status, headers, text = await phone.get("/learn", query)
        assert status == 200 and "Set-Cookie" not in headers
        assert text.count("<section") == len(LESSONS) and words in text


async def test_pages_that_are_open_to_all_lead_to_the_page_to_sign_in_who_has_not(phone: Phone, engine: Engine) -> None:
    link = '<a class="tap" href="/family?lang=en"><span aria-hidden="true">🔑</span>'
    for where in ("/help", "/learn", "/mine"):
        assert link in (await phone.get(where))[2]

    add_caregiver(engine)
    await phone.with_number()
    for where in ("/help", "/learn", "/mine"):
        assert link not in (await phone.get(where))[2]


async def test_the_way_out_leads_to_the_operator_s_site_and_its_script_is_the_page_s_only_one_and_others_have_none(
    phone: Phone, settings: Settings
) -> None:
    settings.isp_url = "https://isp.example"
    _, headers, text = await phone.get("/help")

    assert 'data-leave rel="noreferrer" href="https://isp.example"' in text and "Leave this page now" in text
    assert headers["Content-Security-Policy"].endswith("; script-src 'self'")
    assert text.count("<script") == 1 and '<script src="/family/leave.js" defer>' in text
    async with phone.client.get("/family/leave.js") as response:
        assert response.content_type == "text/javascript" and "location.replace" in await response.text()
    for where in ("", "/learn", "/mine"):
        _, headers, text = await phone.get(where)
        assert "script" not in headers["Content-Security-Policy"] and "<script" not in text


async def test_where_the_operator_has_no_site_no_way_out_is_offered(phone: Phone, settings: Settings) -> None:
    settings.isp_url = None

    assert "Leave this page" not in await phone.words("/help")
