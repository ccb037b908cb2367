"""What was taken is remembered, by a file that is whole or not there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from filterd.client.intake.seen import SeenDigests

NOW = datetime(2026, 8, 4, tzinfo=UTC)


def test_what_was_taken_is_known_to_the_next_run(tmp_path: Path) -> None:
    SeenDigests(tmp_path / "seen").add("a", NOW)
    SeenDigests(tmp_path / "seen").add("b", NOW)

    seen = SeenDigests(tmp_path / "seen")
    assert (seen.when("a"), seen.when("b"), seen.when("c")) == (NOW.timestamp(), NOW.timestamp(), None)


def test_a_damaged_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("{")
    with pytest.raises(ValueError, match="line 1"):
        SeenDigests(tmp_path / "seen")
