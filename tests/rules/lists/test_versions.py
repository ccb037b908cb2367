import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.present import present

from rules.lists.versions import (
    KEPT_OLDER,
    Failure,
    ListHistory,
    Refusal,
    Shelf,
    Validators,
    Version,
    accepted,
    approved,
    arrived,
    asked_anew,
    held_back,
    refused,
    rolled_back,
    rolled_back_once,
)


def version(name: str, at_s: float = 100.0, sketch: tuple[int, ...] = ()) -> Version:
    return Version(name * 64, 5, "file", "plain", at_s, sketch=sketch)


A, B, C = version("a"), version("b", 200.0), version("c", 300.0)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "lists" / "pta")


def put(
    shelf: Shelf, octets: bytes, at_s: float = 100.0, step: Callable[[ListHistory], ListHistory] | None = None
) -> Version:
    with shelf.receiving() as part:
        part.write(octets)
        made = Version(part.end(), part.octets, "file", "plain", at_s)
        shelf.take(part, made, step or (lambda kept: arrived(kept, made)))
    return made


def test_a_version_that_arrives_waits() -> None:
    assert arrived(ListHistory(good=A), B).waiting == B


def test_a_version_that_was_judged_already_does_not_wait_again() -> None:
    kept = ListHistory(good=A, held=B, held_why="it shrank", refused=Refusal("c" * 64, "plain", "no list", 0.0))

    assert arrived(kept, B).waiting is None
    assert arrived(kept, C).waiting is None
    assert arrived(kept, replace(B, reading="hosts")).waiting is not None


def test_the_good_version_again_is_a_confirmation_and_ends_what_was_wrong() -> None:
    kept = ListHistory(good=A, held=B, held_why="it shrank", confirmed_s=100.0)

    again = arrived(kept, replace(A, fetched_s=900.0))

    assert (again.confirmed_s, again.held, again.waiting, again.good) == (900.0, None, None, A)


def test_an_accepted_version_pushes_the_good_one_back_and_the_oldest_out() -> None:
    kept = ListHistory()
    for name in "abcdef":
        made = version(name)
        kept = accepted(replace(kept, waiting=made), made, 0.0)

    assert kept.good.sha256[0] == "f"
    assert [each.sha256[0] for each in kept.older] == ["e", "d", "c"]
    assert (len(kept.older), kept.waiting) == (KEPT_OLDER, None)


def test_a_refused_version_leaves_the_good_one_and_its_reason() -> None:
    kept = refused(ListHistory(good=A, waiting=B), B, "it is empty", 7.0)

    assert (kept.good, kept.waiting, kept.refused.why) == (A, None, "it is empty")


def test_a_verdict_on_one_version_does_not_touch_one_that_came_meanwhile() -> None:
    assert refused(ListHistory(good=A, waiting=C), B, "it is empty", 7.0).waiting == C


def test_an_approved_version_is_good() -> None:
    kept = approved(held_back(ListHistory(good=A, waiting=B), B, "it shrank"), "BBB", 9.0)

    assert (kept.good, kept.held, kept.held_why, kept.older) == (B, None, "", (A,))


@pytest.mark.parametrize("kept", [ListHistory(good=A), ListHistory(good=A, held=C)])
def test_what_is_not_held_cannot_be_approved(kept: ListHistory) -> None:
    with pytest.raises(LookupError):
        approved(kept, "bbb", 9.0)


def test_a_rollback_holds_the_newest_version_so_that_it_does_not_come_back_by_itself() -> None:
    once = rolled_back(ListHistory(good=C, older=(B, A)), "one")
    twice = rolled_back(once, "another")

    assert (once.good, once.older, once.held, once.held_why) == (
        replace(B, by="one"),
        (A,),
        C,
        "one has rolled it back",
    )
    assert arrived(once, C).waiting is None
    assert (twice.good, twice.older, twice.held) == (replace(A, by="another"), (), C)
    with pytest.raises(LookupError):
        rolled_back(twice, "a third")


def test_a_rollback_to_a_certain_version_leaves_what_came_between_out() -> None:
    kept = rolled_back(ListHistory(good=C, older=(B, A)), "one", "AAA")

    assert (present(kept.good).sha256, kept.older, kept.held) == (A.sha256, (), C)
    with pytest.raises(LookupError, match="dddd"):
        rolled_back(ListHistory(good=C, older=(B, A)), "one", "dddd")


def test_what_two_persons_agree_to_is_done_once_and_from_the_version_that_they_saw_alone() -> None:
    before = ListHistory(good=C, older=(B, A))
    done = rolled_back_once(before, "two", "d7", C.sha256, A.sha256)
    back = replace(done, good=C, older=(A,))  # a person on the box has accepted it again

    assert (present(done.good).sha256, present(done.good).by, done.decided) == (A.sha256, "two", ("d7",))
    assert rolled_back_once(back, "two", "d7", C.sha256, A.sha256) == back
    for seen, wanted in ((B.sha256, A.sha256), (C.sha256, "d" * 64), (C.sha256, "a"), (C.sha256, "")):
        assert rolled_back_once(before, "two", "d7", seen, wanted) == replace(before, decided=("d7",))


def test_a_release_of_before_reads_a_state_in_which_nothing_new_is_said(shelf: Shelf) -> None:
    put(shelf, b"a.test\n")
    kept = shelf.change(lambda now: approved(held_back(now, present(now.waiting), "it shrank"), "", 9.0))

    said = (shelf.directory / "state.json").read_text()

    assert shelf.kept() == kept
    assert '"by"' not in said and '"decided"' not in said


def test_asking_anew_forgets_what_was_refused_and_what_a_server_could_call_unchanged() -> None:
    kept = ListHistory(
        A, refused=Refusal("c" * 64, "plain", "no list", 0.0), validators=Validators("u", "e", None, "a", "p")
    )

    assert asked_anew(kept) == ListHistory(A)


def test_a_state_is_read_as_it_was_written(shelf: Shelf) -> None:
    kept = ListHistory(
        version("a", sketch=(1, 2)),
        (B,),
        C,
        "why",
        A,
        Refusal("d" * 64, "x", "y", 1.5),
        Failure("z", 2.5, 3),
        Validators("u", "e", None, "s", "r"),
        4.5,
        5.5,
        "mark",
    )

    shelf.change(lambda _: kept)

    assert Shelf(shelf.directory).kept() == kept


def test_a_list_that_was_never_seen_has_an_empty_state(shelf: Shelf) -> None:
    assert shelf.kept() == ListHistory()
    assert not shelf.directory.exists()


@pytest.mark.parametrize("rubbish", [b"", b"[]", b"{}", b"\xff", b'{"good": 1}'])
def test_a_broken_state_is_said_and_left_alone(shelf: Shelf, rubbish: bytes) -> None:
    put(shelf, b"a.test\n")
    (shelf.directory / "state.json").write_bytes(rubbish)

    with pytest.raises(ValueError, match="cannot be read"):
        shelf.change(lambda kept: kept)
    assert (shelf.directory / "state.json").read_bytes() == rubbish


def test_copies_are_octet_for_octet_and_only_their_owner_may_read_them(shelf: Shelf) -> None:
    made = put(shelf, b"a.test\r\n\xff\0")

    assert shelf.copy(made).read_bytes() == b"a.test\r\n\xff\0"
    modes = {path.name: path.stat().st_mode & 0o777 for path in (shelf.directory, *shelf.directory.iterdir())}
    assert set(modes.values()) == {0o700, 0o600}
    assert shelf.directory.parent.stat().st_mode & 0o777 == 0o700


def folder(shelf: Shelf, files: dict[str, bytes]) -> Version:
    with shelf.receiving_folder() as part:
        for name, octets in files.items():
            part.begin(name, len(octets))
            part.write(octets)
        made = Version(part.end(), part.octets, "folder", "ut1", 1.0)
        shelf.take(part, made, lambda kept: arrived(kept, made))
    return made


def test_a_version_may_be_a_folder(shelf: Shelf) -> None:
    made = folder(shelf, {"domains": b"a.test\n", "urls": b"b.test/x\n"})
    again = folder(shelf, {"domains": b"a.test\n", "urls": b"b.test/x\n"})

    copy = shelf.copy(made)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == {"domains": b"a.test\n", "urls": b"b.test/x\n"}
    assert (copy.stat().st_mode & 0o777, (copy / "urls").stat().st_mode & 0o777) == (0o700, 0o600)
    assert again.is_same(made)
    assert [path.name for path in shelf.directory.iterdir() if path.name.startswith(".part")] == []


def test_the_same_octets_in_other_files_are_another_version(shelf: Shelf) -> None:
    folders = ({"a": b"xy"}, {"a": b"x", "b": b"y"}, {"b": b"xy"}, {"a": b"xyb"})

    assert len({folder(shelf, files).sha256 for files in folders}) == 4
    assert len(list(shelf.directory.glob("pta-*"))) == 1


def test_a_copy_that_the_state_does_not_name_is_removed(shelf: Shelf) -> None:
    first = put(shelf, b"first\n")
    second = put(shelf, b"second\n")

    assert not shelf.copy(first).exists()
    assert shelf.copy(second).exists()


def test_what_was_received_and_not_taken_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(OSError, match="cut"), shelf.receiving() as part:
        part.write(b"half")
        raise OSError("cut")

    assert list(shelf.directory.iterdir()) == []


def test_what_was_written_is_void_when_it_begins_again(shelf: Shelf) -> None:
    with shelf.receiving() as part:
        part.write(b"half of another's")
        part.begin_again()
        part.write(b"whole")
        assert part.end() == hashlib.sha256(b"whole").hexdigest()
        assert (part.octets, part.path.read_bytes()) == (5, b"whole")


def test_a_part_of_a_process_that_was_killed_is_removed_a_day_later_and_not_before(shelf: Shelf) -> None:
    put(shelf, b"a.test\n")
    old, young = shelf.directory / ".part-old", shelf.directory / ".part-young"
    for path, age_s in ((old, 90_000), (young, 10)):
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)

    shelf.change(lambda kept: kept)

    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.services
def test_two_processes_that_change_one_list_lose_nothing(shelf: Shelf) -> None:
    shelf.change(lambda kept: kept)
    work = (
        "import sys, pathlib, dataclasses; from rules.lists.versions import Shelf\n"
        "for _ in range(50): Shelf(pathlib.Path(sys.argv[1])).change("
        "lambda kept: dataclasses.replace(kept, asked_s=kept.asked_s + 1))"
    )

    both = [subprocess.Popen([sys.executable, "-c", work, shelf.directory]) for _ in range(2)]

    assert [each.wait(60) for each in both] == [0, 0]
    assert shelf.kept().asked_s == 100


KILLED = """
import os, pathlib, sys
import rules.lists.versions as keeping, rules.base.atomic_file as whole
from rules.lists.versions import Shelf, Version, accepted

calls, stop_at = 0, int(sys.argv[2])
def stopping(real):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == stop_at:
            os._exit(9)
        return real(*args, **kwargs)
    return call
pathlib.Path.replace = stopping(pathlib.Path.replace)
pathlib.Path.unlink = stopping(pathlib.Path.unlink)
os.fsync = stopping(os.fsync)
os.fchmod = stopping(os.fchmod)

shelf = Shelf(pathlib.Path(sys.argv[1]))
with shelf.receiving() as part:
    part.write(b"new.test\\n")
    made = Version(part.end(), part.octets, "file", "plain", 2.0)
    shelf.take(part, made, lambda kept: accepted(kept, made, 2.0))
"""


@pytest.mark.services
def test_killed_between_any_two_writes_a_list_has_its_old_good_copy_or_its_new_one(shelf: Shelf) -> None:
    old = put(shelf, b"old.test\n")
    shelf.change(lambda kept: accepted(kept, kept.waiting, 1.0))  # type: ignore[arg-type]  # put() made it wait
    seen, stop_at, code = set(), 0, 9
    while code == 9:
        stop_at += 1
        code = subprocess.run([sys.executable, "-c", KILLED, shelf.directory, str(stop_at)]).returncode
        good = shelf.kept().good
        assert good is not None
        seen.add(shelf.copy(good).read_bytes())
        shelf.change(lambda kept: accepted(kept, old, 1.0) if shelf.copy(old).exists() else kept)

    assert code == 0
    assert stop_at > 5
    assert seen == {b"old.test\n", b"new.test\n"}
