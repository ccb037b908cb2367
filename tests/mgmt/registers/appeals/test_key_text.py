"""The public key as a line of the configuration: it is read as written, and a slip of the pen is found."""

import pytest

from mgmt.registers.appeals.key_text import PREFIX, key_of, key_text

KEY = bytes(range(200, 232))


def test_a_line_is_read_as_it_was_written() -> None:
    line = key_text(KEY)

    assert line.startswith(PREFIX) and len(line) == len(PREFIX) + 48
    assert key_of(line) == KEY


def test_another_letter_anywhere_is_found() -> None:
    line = key_text(KEY)
    for at in range(len(PREFIX), len(line)):
        changed = line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]
        with pytest.raises(ValueError, match="no key of appeals"):
            key_of(changed)


@pytest.mark.parametrize(
    "line", ["", PREFIX, key_text(KEY)[:-4], key_text(KEY) + "AAAA", "x" + key_text(KEY), PREFIX + "ڈ" * 48]
)
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="key of appeals"):
        key_of(line)
