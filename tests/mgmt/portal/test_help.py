from support.mgmt.phone import Phone

from mgmt.portal.help import TOPICS


async def test_help_is_open_to_all_in_both_languages_and_leaves_nothing_behind(phone: Phone) -> None:
    status, headers, text = await phone.get("/help")

    assert status == 200 and "Set-Cookie" not in headers
    assert text.count("<section") == len(TOPICS)
    assert "Someone is blackmailing me with pictures" in text and 'href="tel:1121"' in text
    assert "یہ آپ کا قصور نہیں" in (await phone.get("/help", "lang=ur"))[2]


async def test_each_page_has_a_helpline_above_all_else(phone: Phone) -> None:
    text = (await phone.get())[2]

    assert text.index('class="help" href="tel:1121"') < text.index("<h1>")
