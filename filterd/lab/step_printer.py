"""What the demo prints: one line a step, with its time, and what was measured below it."""

import sys
from typing import TextIO

INDENT = " " * 8


class Teller:
    """Prints `[ 3/18] sentence … ok 0.41 s`."""

    def __init__(self, n_steps: int, out: TextIO = sys.stdout) -> None:
        self._n_steps, self._out = n_steps, out
        self._is_at_line_end = False

    def begin(self, number: int, sentence: str) -> None:
        width = len(str(self._n_steps))
        self._write(f"[{number:{width}}/{self._n_steps}] {sentence} … ")
        self._is_at_line_end = True

    def say(self, text: str) -> None:
        """A line in the middle of a step."""
        if self._is_at_line_end:
            self._write("\n")
            self._is_at_line_end = False
        self._write("".join(f"{INDENT}{line}\n" for line in text.splitlines()))

    def end(self, result: str, measured: str = "") -> None:
        self._write(f"{'' if self._is_at_line_end else INDENT}{result}\n")
        self._is_at_line_end = False
        if measured:
            self.say(measured)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
