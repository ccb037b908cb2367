from ipaddress import ip_network
from pathlib import Path

import pytest

from fastpath.images.tables import TableSet
from fastpath.people.session_levels import open_sessions
from filterd.box.places import SESSIONS_MANIFEST
from filterd.radius import images
from filterd.radius.images import SessionImages, read_manifest, write_base
from parental.sessions.record import slot_of


def slot(text: str) -> bytes:
    return slot_of(ip_network(text))


def holder(folder: Path, address: str) -> int | None:
    return TableSet(sessions=open_sessions(folder / SESSIONS_MANIFEST)).subscriber_of(address)


@pytest.fixture
def made(tmp_path: Path) -> SessionImages:
    found = SessionImages(tmp_path, lambda _: 9)
    base = found.next_base()
    write_base(base, [(slot("192.0.2.7/32"), 7), (slot("192.0.2.8/32"), 0)], {slot("192.0.2.0/24"): 9}, lambda _: 9)
    found.use_base(base, 1, "pools")
    found.publish({})
    return found


def test_a_base_has_sessions_and_the_default_around_them(made: SessionImages, tmp_path: Path) -> None:
    assert [holder(tmp_path, f"192.0.2.{n}") for n in (7, 8, 9)] == [7, 9, 9]
    assert holder(tmp_path, "198.51.100.1") is None
    assert made.has_base(1, "pools") and not made.has_base(2, "pools") and not made.has_base(1, "others")


def test_a_change_is_in_force_with_its_publication_and_an_end_gives_the_default(
    made: SessionImages, tmp_path: Path
) -> None:
    made.publish({slot("192.0.2.10/32"): 11, slot("192.0.2.7/32"): None, slot("2001:db8:7::/56"): 12})

    assert [holder(tmp_path, each) for each in ("192.0.2.10", "192.0.2.7", "2001:db8:7:1::1")] == [11, 9, 12]


def test_an_end_without_a_default_hides_the_session_that_is_in_the_base(tmp_path: Path) -> None:
    found = SessionImages(tmp_path, lambda _: None)
    base = found.next_base()
    write_base(base, [(slot("192.0.2.7/32"), 7)], {}, lambda _: None)
    found.use_base(base, 1, "")

    found.publish({slot("192.0.2.7/32"): None})

    assert holder(tmp_path, "192.0.2.7") is None


def test_many_changes_go_into_the_delta_and_what_came_later_wins(
    made: SessionImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "YOUNG_ROWS", 2)
    made.publish({slot(f"192.0.2.{n}/32"): n for n in range(20, 25)})
    assert read_manifest(tmp_path).young is None and read_manifest(tmp_path).delta is not None

    made.publish({slot("192.0.2.20/32"): 99})

    assert [holder(tmp_path, f"192.0.2.{n}") for n in (20, 21, 7)] == [99, 21, 7]


def test_what_changes_while_a_base_is_written_stands_above_it(made: SessionImages, tmp_path: Path) -> None:
    base = made.next_base()
    made.publish({slot("192.0.2.7/32"): 50})
    write_base(base, [(slot("192.0.2.7/32"), 7), (slot("192.0.2.30/32"), 30)], {}, lambda _: None)

    made.use_base(base, 2, "pools")
    made.publish({})

    assert [holder(tmp_path, f"192.0.2.{n}") for n in (7, 30)] == [50, 30]


def test_files_of_a_moment_ago_stay_and_older_ones_go(made: SessionImages, tmp_path: Path) -> None:
    for n in range(40):
        made.publish({slot("192.0.2.7/32"): n + 1})

    names = {path.name for path in tmp_path.glob("*.img")}
    said = read_manifest(tmp_path)
    assert {said.base, said.young} <= names
    assert len(names) <= images.KEPT + 2
    assert made.is_overgrown is False


@pytest.mark.parametrize("octets", [b"", b"no image"])
def test_a_base_that_was_cut_short_is_none_and_is_made_again(
    made: SessionImages, tmp_path: Path, octets: bytes
) -> None:
    del made
    (tmp_path / str(read_manifest(tmp_path).base)).write_bytes(octets)

    assert not SessionImages(tmp_path, lambda _: 9).has_base(1, "pools")


def test_a_later_process_goes_on_with_higher_numbers(made: SessionImages, tmp_path: Path) -> None:
    made.publish({slot("192.0.2.7/32"): 50})

    again = SessionImages(tmp_path, lambda _: 9)

    assert again.generation == made.generation
    assert again.has_base(1, "pools")
    again.publish({slot("192.0.2.8/32"): 8})
    assert [holder(tmp_path, f"192.0.2.{n}") for n in (7, 8)] == [7, 8]  # the role puts in what its journal has
