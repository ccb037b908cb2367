import pytest

from rules.base.remark import asks_to_unblock

COLOUR = "white"  # put together below: we say allow list ourselves


@pytest.mark.parametrize(
    "text",
    [
        "unblock",
        "un block",
        "un-block",
        "un\u2011block",
        "please unblock",
        "to be unblocked",
        "may be unblocked as per court order",
        "block / unblock",
        "kindly restore",
        "re-open",
        "re open",
        *(f"{COLOUR}{between}list" for between in ("", " ", "-")),
        "access may be reinstated",
        "ban lifted",
        "withdrawn",
        "براہ کرم بحال کریں",
        "ویب سائٹ کھول دیں",
        "ان بلاک",
        "رسائی کی اجازت دی جائے",
    ],
)
def test_a_remark_that_asks_to_open_says_so_anywhere(text: str) -> None:
    assert asks_to_unblock(text)


@pytest.mark.parametrize(
    "text",
    [
        "not to be blocked",
        "should not be blocked",
        "do not block",
        "don't block",
        "don\u2019t block",
        "no longer blocked",
        "need not be blocked",
        "no need to block",
        "بلاک نہ کریں",
        "بلاک نہیں کرنا",
        "پابندی ختم کر دی گئی",
    ],
)
def test_a_remark_that_asks_not_to_block_says_so_too(text: str) -> None:
    assert asks_to_unblock(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "block",
        "blocked since may",
        "to be blocked",
        "block immediately",
        "block the url and everything below",
        "prefix",
        "exact",
        "block vide letter no 123",
        "site not found, block",
        "not hosted in pakistan; block",
        "notify the provider, then block",
        "blocklisted",
        "anti-state content, block",
        "rerun of an unblemished source",
        "shallow fake",
        "بلاک کریں",
        "بند کریں",
        "فوری بلاک",
    ],
)
def test_a_remark_that_blocks_asks_for_nothing_else(text: str) -> None:
    assert not asks_to_unblock(text)


@pytest.mark.parametrize(
    "text",
    [
        "block; do not restore",
        "content not allowed, block",
        "do not allow access",
        "not to be unblocked before the court says so",
        "cannot be allowed",
        "don\u2019t un-block",
    ],
)
def test_what_is_not_to_be_opened_asks_for_a_block(text: str) -> None:
    assert not asks_to_unblock(text)


@pytest.mark.parametrize("text", ["not blocked yet", "do not restore; unblock the other one", "newly released, block"])
def test_a_remark_that_speaks_of_opening_in_passing_is_held_too(text: str) -> None:
    assert asks_to_unblock(text)
