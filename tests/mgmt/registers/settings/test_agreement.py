"""Which names two persons change, and how what they agree to is shown to people."""

from mgmt.registers.settings.agreement import HELD, lines_of, names_in
from mgmt.registers.settings.shapes import NAMES

DOCUMENT = (
    '{"before":{"helplines":[{"number":"1121","name_en":"child","note_en":null},{"number":"15","name_en":"police"}],'
    '"report_url":null},"after":{"helplines":[{"number":"15","name_en":"police"}],"report_url":"r.example"},'
    '"said":{"helplines":[],"report_url":"r.example"},"since":{"helplines":0,"report_url":0}}'
)


def test_whatever_names_a_number_or_an_address_needs_two_persons() -> None:
    assert set(NAMES) - set(HELD) == {"languages", "theme"}


def test_people_see_what_was_before_and_what_comes_after() -> None:
    assert names_in(DOCUMENT) == "helplines, report_url"
    assert lines_of(DOCUMENT) == [
        ("helplines", "number 1121, name_en child; number 15, name_en police", "number 15, name_en police"),
        ("report_url", "nothing", "r.example"),
    ]


def test_of_what_cannot_be_read_nothing_is_shown_and_nothing_raised() -> None:
    for text in (None, "", "{", "[]", '{"before":1}', DOCUMENT.replace('"after":{"helplines"', '"after":{"other"')):
        assert lines_of(text) == []
    for text in (None, "", "{"):
        assert names_in(text) == ""
