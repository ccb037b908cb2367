from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make

from filterd.control.base.context import guarded
from filterd.images.compile import CompileFailure
from filterd.images.lists.updater import ListsFailure


async def test_a_fault_in_the_background_stands_until_the_same_work_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise OSError("no room")

    async def succeed() -> None:
        """Nothing to do."""

    faults: dict[str, str] = {}
    await guarded(faults, "audit records", fail)
    await guarded(faults, "audit records", fail)
    before = dict(faults)
    await guarded(faults, "audit records", succeed)

    assert (before, faults) == ({"audit records": "no room"}, {})
    assert len(caplog.records) == 1


@pytest.mark.parametrize("reason", [CompileFailure("no room"), ListsFailure("no room"), OSError("no room")])
async def test_what_is_no_fault_of_the_program_is_said_in_one_sentence_without_a_traceback(
    reason: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise reason

    faults: dict[str, str] = {}
    await guarded(faults, "lists", fail)

    assert faults == {"lists": "no room"}
    assert [record.exc_info for record in caplog.records] == [None]


def test_a_fault_that_a_client_is_told_of_stands_too(
    place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    context = make(place, engine).context
    context.note_fault("lists", ValueError("no room"))

    assert context.faults == {"lists": "no room"}
    assert "lists: no room" in caplog.text
