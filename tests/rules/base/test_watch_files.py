import json
from pathlib import Path

import pytest

from rules.base.canonical import canonical_wire
from rules.base.errors import BadList
from rules.base.watch_files import MAX_OCTETS, read_watch_list

MISP = {"name": "Banks", "version": 1, "description": "", "type": "hostname", "list": ["bank.example", ".b.example"]}


def wires(*names: str) -> frozenset[bytes]:
    return frozenset(map(canonical_wire, names))


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_warning_list_of_host_names_watches_what_is_below_them(tmp_path: Path) -> None:
    found = read_watch_list(put(tmp_path, "w.json", json.dumps(MISP)), 10)

    assert (found.name, found.below, found.alone) == ("Banks", wires("bank.example", "b.example"), frozenset())


def test_one_of_strings_watches_each_alone_and_leaves_out_what_is_no_name(tmp_path: Path) -> None:
    said = MISP | {"type": "string", "list": ["a.example", "https://b.example/", "192.0.2.1", ""]}

    assert read_watch_list(put(tmp_path, "w.json", json.dumps(said)), 10).alone == wires("a.example")


def test_of_a_ranking_the_first_are_watched(tmp_path: Path) -> None:
    path = put(tmp_path, "tranco.csv", "1,a.example\r\n2,b.example\r\n3,c.example\r\n")

    found = read_watch_list(path, 2)
    assert (found.name, found.alone) == ("tranco", wires("a.example", "b.example"))


def test_a_text_begins_with_its_name(tmp_path: Path) -> None:
    text = "# our customers\nShop.Example  # the first\n\n*.b.example\n"

    found = read_watch_list(put(tmp_path, "own.txt", text), 1)
    assert (found.name, found.below) == ("our customers", wires("shop.example", "b.example"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.json", json.dumps(MISP | {"type": "regex"})),
        ("w.json", json.dumps(MISP | {"list": []})),
        ("w.json", json.dumps([MISP])),
        ("w.json", "[" * 100_000),
        ("w.json", "{"),
        ("t.csv", "name\n"),
        ("t.csv", "1,\x00\n"),
        ("own.txt", "shop.example\n"),
        ("own.txt", ""),
        ("own.txt", "#\na.example\n"),
    ],
)
def test_what_is_no_such_list_is_refused_with_what_to_write(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadList, match="not read; write '# NAME'"):
        read_watch_list(put(tmp_path, name, text), 10)


def test_a_file_without_end_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.truncate(MAX_OCTETS + 2)

    with pytest.raises(BadList, match="longer than 64 MiB"):
        read_watch_list(path, 10)
