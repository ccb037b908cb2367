from pathlib import Path
from typing import Any

import pytest

import filterd.images.lists.zone_journal as zonejournal
from filterd.images.lists.zone_journal import JOURNAL, Journal, joined
from rules.lists.zone_copy import Difference


def soa(serial: int) -> Any:
    return b"@ 60 SOA ns. host. %d 3600 600 86400 60\n" % serial


def step(old: Any, new: Any, removed: Any = (), added: Any = ()) -> Any:
    return Difference(old, new, soa(new), list(removed), list(added))


A, B = b"a 60 CNAME .\n", b"*.b 60 CNAME *.\n"
FIRST, SECOND, THIRD = step(1, 2, [A], [B]), step(2, 5), step(5, 6, [B])


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    return Journal(tmp_path)


def test_what_is_added_is_read_again_one_after_the_other(journal: Journal) -> None:
    assert journal.read() == []
    journal.append([FIRST])
    journal.append([SECOND, THIRD])

    assert journal.read() == [FIRST, SECOND, THIRD]
    assert journal.since(2) == [SECOND, THIRD]
    assert journal.since(3) == journal.since(6) == []


@pytest.mark.parametrize("end", range(1, 200, 7))
def test_a_change_that_was_not_written_whole_is_none_and_the_next_takes_its_place(
    journal: Journal, tmp_path: Path, end: Any
) -> None:
    journal.append([FIRST, SECOND])
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[:end])
    before = journal.read()

    assert before in ([], [FIRST], [FIRST, SECOND])
    journal.append([THIRD])
    assert journal.read() == [*before, THIRD]


@pytest.mark.parametrize("octets", [b"?", b"=x " + soa(2), b"=1 @ 60 SOA\n", b"\n", b"=1 " + soa(2) + b"-a 60 CNAME ."])
def test_octets_that_are_no_journal_are_none(journal: Journal, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(octets)

    assert journal.read() == ([step(1, 2)] if octets.startswith(b"=1 @ 60 SOA ns.") else [])


def test_what_leads_to_a_base_is_forgotten_and_what_leads_nowhere(journal: Journal) -> None:
    journal.append([FIRST, SECOND, THIRD])
    journal.keep_since(2)
    assert journal.read() == [SECOND, THIRD]

    journal.keep_since(9)
    assert (journal.read(), journal.octets()) == ([], 0)
    journal.keep_since(9)


def test_it_is_for_its_owner_alone(journal: Journal, tmp_path: Path) -> None:
    for each in ([FIRST], [SECOND]):
        journal.append(each)
        assert (tmp_path / JOURNAL).stat().st_mode & 0o777 == 0o600
    journal.keep_since(2)
    assert (tmp_path / JOURNAL).stat().st_mode & 0o777 == 0o600


def test_one_that_is_too_long_is_not_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([FIRST])
    monkeypatch.setattr(zonejournal, "MAX_OCTETS", 10)

    assert journal.read() == []


def test_changes_join_by_serial_in_their_order() -> None:
    assert joined([THIRD, FIRST, SECOND], 1) == [FIRST, SECOND]
