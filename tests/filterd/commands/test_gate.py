import os
from pathlib import Path

import pytest

from filterd.cli import main


@pytest.mark.parametrize("queue", ["x", "3:1", "70000", "-1:2", ""])
def test_a_queue_that_is_no_number_is_wrong_use(queue: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", f"--queue={queue}"]) == 2
    assert "write a number" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind a queue")
def test_a_queue_that_cannot_be_had_is_a_missing_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("a.test\n")

    assert main(["gate", "--queue", "7", "--list", str(tmp_path / "a.txt")]) == 3
    assert "run as root" in capsys.readouterr().err
