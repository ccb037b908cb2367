from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make

from filterd.control.context import guarded


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


def test_a_fault_that_a_client_is_told_of_stands_too(
    place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    context = make(place, engine).context
    context.note_fault("lists", ValueError("no room"))

    assert context.faults == {"lists": "no room"}
    assert "lists: no room" in caplog.text
