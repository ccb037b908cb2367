from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from filterd.box.places import CONTROL, control_socket
from filterd.process.codec import FailureReply
from filterd.process.control_messages import CONTROL_REQUESTS, IdentifiedProfiles, Identify
from filterd.process.json_socket import serve
from filterd.radius.identities import Identities
from parental.sessions.record import Digests

DIGESTS = Digests(b"k" * 32)


class Desk:
    """Control, as far as names go."""

    def __init__(self) -> None:
        self.names = {"flat3": 7}
        self.changed: dict[str, int] = {}
        self.revision, self.lost = 5, 0
        self.asked: list[Identify] = []
        self.fails = False

    async def answer(self, request: Identify) -> IdentifiedProfiles | FailureReply:
        self.asked.append(request)
        if self.fails:
            return FailureReply("the database is away")
        found = {name: self.names[name] for name in request.names if name in self.names}
        return IdentifiedProfiles(found | (self.changed if request.since >= 0 else {}), self.revision, self.lost)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    found = Desk()
    server = await serve(control_socket(tmp_path), CONTROL, CONTROL_REQUESTS, found.answer)
    yield found
    server.close()


@pytest.fixture
def identities(tmp_path: Path) -> Iterator[Identities]:
    yield Identities(tmp_path, tmp_path / "revision", DIGESTS, is_empty=True)


async def test_a_name_is_asked_about_once(desk: Desk, identities: Identities) -> None:
    first = await identities.profiles([b"flat3", b"nobody.test", b"\xff"])
    await identities.profiles([b"flat3"])

    assert first == {b"flat3": 7, b"nobody.test": 0, b"\xff": 0}
    assert [sorted(each.names) for each in desk.asked] == [["flat3", "nobody.test"]]


async def test_a_profile_that_changes_is_learnt_by_the_digest_of_its_name(desk: Desk, identities: Identities) -> None:
    await identities.profiles([b"flat3"])
    assert await identities.changed() == {}
    desk.changed, desk.revision = {"flat3": 12}, 6

    assert await identities.changed() == {DIGESTS.who(b"flat3"): 12}
    assert await identities.profiles([b"flat3"]) == {b"flat3": 12}
    assert desk.asked[-1].since == 5


@pytest.mark.parametrize("learnt_by", ["a look", "another name"])
async def test_a_name_that_was_taken_away_is_no_profiles_for_later_sessions(
    learnt_by: str, desk: Desk, identities: Identities
) -> None:
    desk.names["flat4"] = 8
    await identities.profiles([b"flat3", b"flat4"])
    assert await identities.changed() == {}
    del desk.names["flat3"]
    desk.lost += 1

    if learnt_by == "a look":
        assert await identities.changed() == {}  # sessions that live keep what they have
    else:
        assert await identities.profiles([b"flat4", b"flat5"]) == {b"flat4": 8, b"flat5": 0}

    assert await identities.profiles([b"flat3", b"flat4"]) == {b"flat3": 0, b"flat4": 8}


async def test_an_answer_of_before_a_name_was_taken_away_is_not_believed_and_asked_for_again(
    desk: Desk, identities: Identities
) -> None:
    desk.lost = 1
    await identities.changed()
    desk.lost = 0
    assert await identities.profiles([b"flat3"]) == {b"flat3": 0}
    desk.lost, desk.names = 1, {"flat3": 9}

    assert await identities.changed() == {DIGESTS.who(b"flat3"): 9}


@pytest.mark.parametrize("why", ["away", "fails"])
async def test_what_control_could_not_be_asked_about_is_asked_about_again(
    why: str, tmp_path: Path, identities: Identities
) -> None:
    desk = Desk()
    desk.fails = True
    server = None if why == "away" else await serve(control_socket(tmp_path), CONTROL, CONTROL_REQUESTS, desk.answer)
    assert await identities.profiles([b"flat3"]) == {b"flat3": 0}
    assert identities.fault

    desk.fails = False
    server = server or await serve(control_socket(tmp_path), CONTROL, CONTROL_REQUESTS, desk.answer)
    found = await identities.changed()
    server.close()

    assert found == {DIGESTS.who(b"flat3"): 7}
    assert identities.fault is None


async def test_a_full_disk_is_a_fault_until_the_revision_is_written_and_the_former_one_stays_whole(
    desk: Desk, identities: Identities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def have_no_room(_: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    await identities.changed()
    desk.changed, desk.revision = {"flat3": 12}, 6
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", have_no_room)
        assert await identities.changed() == {DIGESTS.who(b"flat3"): 12}
        assert "No space left" in (identities.fault or "")
    assert (tmp_path / "revision").read_text() == "5\n"
    desk.changed = {}

    await identities.changed()

    assert (identities.fault, (tmp_path / "revision").read_text()) == (None, "6\n")
    assert [each.since for each in desk.asked] == [-1, 5, 6]  # and nothing twice


async def test_a_later_process_asks_from_where_this_one_was(desk: Desk, identities: Identities, tmp_path: Path) -> None:
    await identities.changed()

    await Identities(tmp_path, tmp_path / "revision", DIGESTS, is_empty=False).changed()

    assert [each.since for each in desk.asked] == [-1, 5]
    assert "flat3" not in (tmp_path / "revision").read_text()
