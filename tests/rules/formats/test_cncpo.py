import pytest
from support.lists.outcomes import complaints, items, rules, urls

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadList
from rules.formats.cncpo import NOTHING, OTHER_DOMAIN, TOO_MANY, iter_rules

LIST = """00123;20260804
http://bad.example/;bad.example;;
http://shared.example/a;shared.example;http://192.0.2.1/a;192.0.2.1
;worse.example;;
;;http://192.0.2.2/;192.0.2.2
"""


def test_a_url_is_exact_a_domain_is_a_name_and_an_address_is_reported() -> None:
    found = items(iter_rules, LIST)

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert urls(found) == [("shared.example/a", Mode.EXACT)]
    assert complaints(found) == [(3, 40, IS_ADDRESS), (5, 3, IS_ADDRESS)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("http://bad.example/a;other.example;;", OTHER_DOMAIN),
        ("http://bad.example/;other.example;;", OTHER_DOMAIN),
        ("http://bad.example:8080/a;other.example;;", OTHER_DOMAIN),
        (";;;", NOTHING),
        ("bad.example;;;;x", TOO_MANY),
        ("a b;;;", "has a character that is not allowed in a host name"),
        ("bad\0.example;;;", "the line holds a NUL octet"),
        ("http://bad.example/a;192.0.2.1;;", IS_ADDRESS),
    ],
)
def test_a_row_that_is_not_clear_is_reported(row: str, reason: str) -> None:
    found = items(iter_rules, f"1;20260804\n{row}\n")

    assert [(line, why) for line, _, why in complaints(found)] == [(2, reason)]
    assert rules(found) == urls(found) == []


@pytest.mark.parametrize("row", ["http://Bad.example:8080/a;BAD.example.;;", '"http://bad.example/a";"bad.example";;'])
def test_a_domain_in_another_spelling_is_the_same(row: str) -> None:
    assert complaints(items(iter_rules, f"1;20260804\n{row}\n")) == []


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "http://bad.example/;bad.example;;\n", "00123;\n", "00123;2026;x\n", "x;20260804\n", "<html>\n"],
)
def test_a_file_without_serial_and_time_is_no_list(text: str) -> None:
    with pytest.raises(BadList, match=r"^line 1: "):
        items(iter_rules, text)
