import re
from pathlib import Path

import pytest

from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import FOLDER, UNREAD, catalogue
from rules.base.category import NUMBERS

PLACE = re.compile(r"\{[a-z]+\}")
MGMT = Path(__file__).parents[3] / "mgmt"
# A message that a template or a module asks for by its whole name.
ASKED = re.compile(r"""["']((?:splash|report|family|help|button|language|list|category|time)\.[a-z.]+[a-z])["']""")
BUILT = (
    "confirmation.",
    "category.",
    "family.receipt.",
    "family.tap.",
    "family.level.",
    "family.did.",
    "family.who.",
    "family.help.",
    "family.drawing.",
    "family.hours.",
    "family.learn.",
    "family.people.",
    "family.filter.",
    "family.role.",
    "family.sms.why.",
    "family.rules.",
    "family.days.",
    "family.step.",
    "family.tickets.is.",
    "family.report.by.",
    "family.province.",
    "splash.",
    "report.",
    "statistics.",
    "transparency.",
    "decision.",
    "time.",
)  # the rest of the name is a value


def test_every_language_has_every_message_with_the_same_places_and_bold_words() -> None:
    english, urdu = (catalogue(language).texts for language in LANGUAGES)

    assert english.keys() == urdu.keys()
    assert all(text.strip() for texts in (english, urdu) for text in texts.values() if text != " ")
    for name, text in english.items():
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(urdu[name])), name


def test_english_is_english_and_urdu_is_urdu() -> None:
    english, urdu = (catalogue(language).texts for language in LANGUAGES)

    assert all(text.replace("–", "").isascii() for text in english.values())
    # A short message is Roman Urdu: of Urdu's letters it would have room for seventy.
    written = {name: text for name, text in urdu.items() if not name.startswith("family.sms.")}
    assert [name for name, text in written.items() if text.isascii() and PLACE.sub("", text).strip(" :")] == []


def test_a_short_message_with_its_last_line_has_room_in_one_part() -> None:
    for language in LANGUAGES:
        text = catalogue(language).texts["family.sms.code"].format(code="123456")
        assert text.isascii() and len(text + "\n\n@family.isp.example #123456") <= 160


def test_every_category_has_words() -> None:
    assert {f"category.{name}" for name in NUMBERS} == {
        name for name in catalogue("ur").texts if name.startswith("category.")
    }


def test_every_message_that_is_asked_for_is_there_and_every_other_one_is_built_from_a_value() -> None:
    sources = [*MGMT.rglob("*.py"), *MGMT.rglob("*.html")]
    asked = {name for source in sources for name in ASKED.findall(source.read_text()) if not name.endswith(".html")}

    assert asked - catalogue("en").texts.keys() == set()
    unasked = catalogue("en").texts.keys() - asked
    assert {name for name in unasked if not name.startswith(BUILT)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_a_page_stands_outside_of_the_catalogues(language: str) -> None:
    texts = [text for text in catalogue(language).texts.values() if len(text) > 12]
    urdu = re.compile(r"[\u0600-\u06ff]{2}")

    for source in [*MGMT.rglob("*.html"), *MGMT.rglob("*.py")]:
        said = source.read_text()
        assert [text for text in texts if text in said] == [], source
        if source.name != "settings.py":  # defaults of the configuration, in both languages
            assert not urdu.search(said.split('"""')[-1]), source


def test_a_message_that_nobody_has_read_is_counted_until_its_review_names_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ur/LC_MESSAGES"
    folder.mkdir(parents=True)
    text = (FOLDER / "ur/LC_MESSAGES/pages.po").read_text()
    (folder / "pages.po").write_text(text.replace("#. review: none", "#. review: A. Reader 2026-09-01", 1))
    monkeypatch.setattr("mgmt.text.catalogue.FOLDER", tmp_path)

    before, after = catalogue("ur"), catalogue.__wrapped__("ur")

    assert before.n_unread() - after.n_unread() == 1
    assert "A. Reader 2026-09-01" in after.reviews.values()
    assert set(before.reviews.values()) == {UNREAD}
