from hypothesis import given
from hypothesis import strategies as st

from mgmt.contract.fields import sendable, unfit


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_sent(text: str) -> None:
    assert sendable(text).encode().decode() == sendable(text)


def test_a_refusal_says_where_what_what_was_done_and_what_to_do() -> None:
    assert unfit("/x", "found", "write y").detail == "/x: found; not taken; write y"
