from support.mgmt.phone import Phone

from mgmt.portal.help import LESSONS, TOPICS
from mgmt.settings import Settings


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
