from pathlib import Path

import pytest

from fastpath.report import counters as compiled
from fastpath.report.counters import NAMES, Counters, read_classes, read_confidential, read_counted, read_counters


def test_every_counter_moves_when_it_is_added_to(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "c")
    for by, name in enumerate(NAMES):
        counters.add(name, by + 1)

    assert list(counters.values().values()) == [by + 1 for by in range(len(NAMES))]
    assert read_counters(tmp_path / "c") == counters.values()


def test_counters_go_on_where_the_last_process_stopped(tmp_path: Path) -> None:
    Counters(tmp_path / "c").add("dns_queries", 5)

    again = Counters(tmp_path / "c")
    again.add("dns_queries")

    assert again.values()["dns_queries"] == 6


def test_an_unknown_counter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Counters(tmp_path / "c").add("no_such_counter")


def test_a_table_that_is_newer_than_the_compiled_numbers_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "NAMES", (*NAMES, "gate_new"))

    with pytest.raises(
        AssertionError, match=f"{len(NAMES) + 1} names, {len(NAMES)} compiled; run make docs, then make build"
    ):
        Counters(tmp_path / "c")


def test_a_file_of_another_length_is_no_counters_file(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"short")

    with pytest.raises(ValueError, match="5 octets"):
        read_counters(tmp_path / "c")


def test_nothing_is_counted_by_list_at_first(tmp_path: Path) -> None:
    Counters(tmp_path / "c")

    assert read_confidential(tmp_path / "c") == {} == read_counted(tmp_path / "c")


def test_confidential_lists_and_those_in_the_shadow_have_words_of_their_own(tmp_path: Path) -> None:
    Counters(tmp_path / "c")
    with (tmp_path / "c").open("r+b") as file:
        for word, total in ((128 + 8 * 127 + 7, 5), (1152, 6), (1152 + 8 * 127 + 7, 7)):
            file.seek(8 * word)
            file.write(total.to_bytes(8, "little"))

    assert read_confidential(tmp_path / "c") == {(127, 7): 5}
    assert read_counted(tmp_path / "c") == {(0, 0): 6, (127, 7): 7}


def test_classes_have_their_names_beside_their_counts(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "c")
    assert read_classes(tmp_path / "c") == {}
    counters.name_classes(["other", "tor", "v" * 32])
    with (tmp_path / "c").open("r+b") as file:
        for slot, total in enumerate((5, 6, 7)):
            file.seek(8 * (2176 + 5 * slot))
            file.write(total.to_bytes(8, "little"))

    assert read_classes(tmp_path / "c") == {"other": 5, "tor": 6, "v" * 32: 7}
    assert read_counters(tmp_path / "c") == dict.fromkeys(NAMES, 0)
    assert read_confidential(tmp_path / "c") == {} == read_counted(tmp_path / "c")


def test_a_class_that_stays_keeps_its_count_in_another_slot_and_one_that_went_begins_anew(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "c")
    counters.name_classes(["other", "tor"])
    with (tmp_path / "c").open("r+b") as file:
        file.seek(8 * (2176 + 5))
        file.write((6).to_bytes(8, "little"))

    counters.name_classes(["other", "proxy", "tor"])
    assert read_classes(tmp_path / "c") == {"other": 0, "proxy": 0, "tor": 6}
    counters.name_classes(["other", "proxy"])
    counters.name_classes(["other", "tor"])
    assert read_classes(tmp_path / "c") == {"other": 0, "tor": 0}
    counters.name_classes([])
    assert read_classes(tmp_path / "c") == {}


def test_seventeen_classes_of_32_octets_have_room_and_no_more(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "c")
    names = [f"{number:032}" for number in range(17)]
    counters.name_classes(names)

    for too_many in ([*names, "x"], ["x" * 33], [""]):
        with pytest.raises(ValueError, match="not named; at most 17, of 1 to 32 octets"):
            counters.name_classes(too_many)
    assert read_classes(tmp_path / "c") == dict.fromkeys(names, 0)


def test_a_link_in_the_place_of_counters_is_not_followed(tmp_path: Path) -> None:
    Counters(tmp_path / "c")
    (tmp_path / "link").symlink_to(tmp_path / "c")

    with pytest.raises(OSError, match="symbolic links"):
        read_counters(tmp_path / "link")
