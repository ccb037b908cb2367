import io

import pytest

from filterd.images.explain.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    with progress_bar("moving records", "rows") as progress:
        assert progress is not None
        progress(500, 1000)
        progress(1000, 1000)

    assert "moving records: 100%" in terminal.getvalue() and "rows/s" in terminal.getvalue()


def test_a_file_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())

    with progress_bar() as progress:
        assert progress is None
