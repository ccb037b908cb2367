from hypothesis import given
from hypothesis import strategies as st

from mgmt.text.direction import MOST_UNBROKEN, escape_message, isolate, isolate_message, ltr


@given(st.text())
def test_isolating_changes_no_letter_and_lets_no_markup_through(text: str) -> None:
    found = isolate(text)

    assert (
        found.replace('<bdi dir="ltr">', "")
        .replace('<bdi dir="ltr" class="long">', "")
        .replace("</bdi>", "")
        .unescape()
        == text
    )
    assert (
        set(found.split("<")[1:])
        - {piece for piece in found.split("<") if piece.startswith(('bdi dir="ltr"', "/bdi>"))}
        == set()
    )


def test_numbers_names_and_addresses_of_an_urdu_sentence_are_isolated() -> None:
    assert isolate("پیکا 2016 کی دفعہ 37") == 'پیکا <bdi dir="ltr">2016</bdi> کی دفعہ <bdi dir="ltr">37</bdi>'
    assert isolate("لکھیں: a.b@isp.example") == 'لکھیں: <bdi dir="ltr">a.b@isp.example</bdi>'


def test_a_message_keeps_its_places_and_its_bold_words_and_nothing_else() -> None:
    message = "<b>قانون</b> 37: {isp} <script>"

    assert isolate_message(message) == '<b>قانون</b> <bdi dir="ltr">37</bdi>: {isp} &lt;<bdi dir="ltr">script</bdi>&gt;'
    assert escape_message("<b>a</b> & {isp} <i>") == "<b>a</b> &amp; {isp} &lt;i&gt;"


def test_what_is_longer_than_a_phones_line_may_break() -> None:
    assert ltr("a" * MOST_UNBROKEN).startswith('<bdi dir="ltr">')
    assert ltr("a" * (MOST_UNBROKEN + 1)).startswith('<bdi dir="ltr" class="long">')


def test_a_whole_text_from_left_to_right_is_escaped() -> None:
    assert ltr("<9:00>") == '<bdi dir="ltr">&lt;9:00&gt;</bdi>'
