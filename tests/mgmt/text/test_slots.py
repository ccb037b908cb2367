import re
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest
from support.pseudo_locale import NAME, offer

from mgmt.text.accept import LANGUAGES
from mgmt.text.catalogue import FOLDER, catalogue
from mgmt.text.language import language, languages
from mgmt.text.slots import FURTHER, SLOTS, fonts, is_enough, translated

PLACE = re.compile(r"\{[a-z]+\}|</?b>")


@pytest.fixture
def pashto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue in which all but one message of twenty-five is there."""
    yield from offer("ps", tmp_path, monkeypatch)


def test_each_language_has_a_slot_and_a_catalogue() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(SLOTS) == {*LANGUAGES, *FURTHER}


@pytest.mark.parametrize("code", FURTHER)
def test_what_is_translated_has_the_places_of_its_message_and_no_message_is_unknown(code: str) -> None:
    english = catalogue("en").texts
    for name, text in catalogue(code).texts.items():
        assert not text or sorted(PLACE.findall(text)) == sorted(PLACE.findall(english[name])), name


@pytest.mark.parametrize("code", FURTHER)
def test_a_language_without_enough_messages_is_not_offered_and_would_be_urdu(code: str) -> None:
    t = language(code)

    assert not is_enough(code) or translated(code)[0] > 0.95 * translated(code)[1]
    assert t.direction == "rtl" and f"[lang={code}]" in fonts()
    assert t.say("family.tap.pause").striptags() in (language("ur").say("family.tap.pause").striptags(), "")
    assert t.messages.keys() == language("en").messages.keys()


def test_a_message_that_is_missing_is_urdu_and_marked_so(pashto: None) -> None:
    t, urdu = language("ps"), language("ur")
    own, missing = (
        [name for name in t.messages if ('<span lang="ur"' in t.messages[name]) is is_part] for is_part in (False, True)
    )

    assert is_enough("ps") and translated("ps") == (len(own), len(own) + len(missing)) and missing
    assert t.messages[missing[0]] == f'<span lang="ur" dir="rtl">{urdu.messages[missing[0]]}</span>'
    assert "9:00" in t.clock(time(21))
    assert [each.code for each in languages("ps", (*LANGUAGES, "ps"))] == ["ps", "en", "ur"]
    assert t.say("language.name").striptags() == NAME


def test_values_are_escaped_in_a_message_of_another_language(pashto: None) -> None:
    t = language("ps")
    name = next(each for each in t.messages if "{name}" in t.messages[each])

    assert "<script>" not in t.say(name, **dict.fromkeys(re.findall(r"\{([a-z]+)\}", t.messages[name]), "<script>"))
