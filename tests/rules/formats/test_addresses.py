import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Mode
from fastpath.wire.name import to_text
from rules.errors import BadName
from rules.formats.addresses import clean, fault_of_text, is_blank, rule_of_cell, rule_of_value
from rules.rule import Rule, UrlRule

PIECES = st.sampled_from(
    [
        "http",
        "hxxp",
        "s",
        "://",
        "[:]//",
        "[.]",
        ".",
        "bad",
        "example",
        "/",
        "/*",
        "*.",
        '=HYPERLINK("',
        '")',
        "\u200b",
        "\u0661",
        "'",
        "\u202e",
        "\0",
        "?",
        "#",
        "@",
        ":",
        "8080",
        "[",
        "]",
        "\\",
        " ",
        "\ud800",
        "\udcff",
        "%2e",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text())
def test_any_cell_and_any_value_is_a_rule_or_a_bad_name(text: str) -> None:
    for read in (rule_of_cell, rule_of_value):
        try:
            rule = read(text, Mode.EXACT, Mode.EXACT, 1)
        except BadName as exc:
            assert exc.reason
        else:
            assert rule.wire.endswith(b"\0") if isinstance(rule, Rule) else b"/" in rule.url


@given(st.from_regex(r"[a-z0-9]{1,9}(\.[a-z]{1,9}){1,2}", fullmatch=True))
def test_cleaning_twice_is_cleaning_once(name: str) -> None:
    for dirty in (name, f"hxxp://{name}/", name.replace(".", "[.]"), f"'{name}'", f'=HYPERLINK("{name}")'):
        assert clean(clean(dirty)) == clean(dirty)
        rule = rule_of_cell(dirty, Mode.SUBTREE, Mode.EXACT, 1)
        assert isinstance(rule, Rule)
        assert to_text(rule.wire) == name


@pytest.mark.parametrize(
    "value", ["bad[.]example", "'bad.example'", "hxxp://bad.example/", "*.bad.example", '=HYPERLINK("bad.example")']
)
def test_of_what_a_program_has_written_nothing_is_undone(value: str) -> None:
    with pytest.raises(BadName):
        rule_of_value(value, Mode.EXACT, Mode.EXACT, 1)


def test_a_star_in_a_programs_url_is_a_star() -> None:
    rule = rule_of_value("http://bad.example/a/*", Mode.EXACT, Mode.EXACT, 1)

    assert rule == UrlRule(b"bad.example/a/*", Mode.EXACT, rule.action, 1)


def test_digits_of_a_name_in_arabic_letters_are_left_to_the_canonical_name() -> None:
    assert clean("http://صفحة١.example/١") == "http://صفحة١.example/١"
    assert clean("http://a١.example/١") == "http://a1.example/١"


@pytest.mark.parametrize(
    ("text", "part"),
    [("a\0b", "NUL"), ("a\u202eb", "direction"), ("x" * 2049, "2048 octets"), ("é" * 1025, "2048 octets"), ("é", None)],
)
def test_the_faults_of_lines_are_faults_of_texts(text: str, part: str | None) -> None:
    fault = fault_of_text(text)

    assert fault is None if part is None else part in (fault or "")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            " ",
            "\u200b",
            "-",
            "--",
            "—",
            "...",
            "N/A",
            "n / a",
            "NA",
            "n.a.",
            "#N/A",
            "nil",
            "None",
            "NULL",
            "(null)",
        ),
        *("\\N", "'-'", "Not available", "not  applicable", "ندارد", "نہیں", "کوئی نہیں", "كوئي نہيں", "۔"),
    ],
)
def test_what_people_write_where_nothing_belongs_is_a_blank_cell(cell: str) -> None:
    assert is_blank(cell)


@pytest.mark.parametrize("cell", ["na.example", "none.example", "n/a.example", "1", "?", "=", "*", "http://n/a", "no"])
def test_anything_else_is_not(cell: str) -> None:
    assert not is_blank(cell)
