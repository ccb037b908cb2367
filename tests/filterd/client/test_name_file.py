import io

import pytest

import filterd.client.name_file as name_file
from filterd.client.name_file import FIRST_BAD, read_names


def read(text: str, is_csv: bool = True) -> name_file.NameRows:
    return read_names(io.BytesIO(text.encode()), is_csv)


def test_rows_are_names_with_their_lines_and_numbers() -> None:
    assert read('\ufeff7,flat3\n\n8,"flat,4"\r\n').wanted == {"flat3": (7, 1), "flat,4": (8, 3)}
    assert read('{"line": 7, "name": "flat 3", "more": 1}\n', is_csv=False).wanted == {"flat 3": (7, 1)}


def test_a_row_twice_is_one_and_a_name_of_two_lines_is_bad() -> None:
    found = read("7,flat3\n7,flat3\n8,flat3\n")

    assert found.wanted == {"flat3": (7, 1)}
    assert found.bad == [(3, "row 1 gives this name to another line; write one of them")]


def test_the_first_bad_rows_are_kept_and_all_are_counted() -> None:
    found = read("7,good\n" + "x\n" * 1000)

    assert (found.n_bad, len(found.bad), found.bad[0], list(found.wanted)) == (
        1000,
        FIRST_BAD,
        (2, "not LINE,NAME"),
        ["good"],
    )


def test_there_is_a_limit_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_file, "MOST_ROWS", 2)

    assert read("7,a\n7,b\n7,c\n").bad == [(3, "more than 2 names; split the file")]
