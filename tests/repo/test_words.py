"""Words that do not stand in this repository."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

# Each is put together here, so that this file passes its own test.
CSAM = re.compile("child" + "[ _-]?porn", re.IGNORECASE)
CSAM_EXCUSE = re.compile("reportchild" + "porn@|title of|statute", re.IGNORECASE)
COLOURS = re.compile("(black|white)" + "[ _-]?list", re.IGNORECASE)
PLACES = re.compile(r"(?<![\w.])/(work|farm|tmp/s)" + r"/|/root/\.|\.lib" + "rary/")
FORBIDDEN = (
    ("say CSAM", CSAM, CSAM_EXCUSE),
    ("say block list or allow list", COLOURS, None),
    ("a path of the machine it was written on", PLACES, None),
)
NOT_TEXT = {".pcap", ".pcapng", ".img", ".bin", ".png", ".ico", ".xz", ".gz", ".woff2"}

Files = Callable[..., list[Path]]


def offences(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for advice, word, excuse in FORBIDDEN:
            if word.search(line) and not (excuse and excuse.search(line)):
                yield f"{name} line {number}: {advice}"


def test_no_file_has_a_forbidden_word(root: Path, files: Files) -> None:
    found: list[str] = []
    for path in files():
        if path.suffix not in NOT_TEXT and path.parts[:3] != ("tests", "fuzz", "corpus"):
            found += offences(str(path), (root / path).read_text(errors="replace"))

    assert found == []


def test_a_word_is_found_and_an_address_or_a_law_is_let_go() -> None:
    word = "child " + "porn"

    assert list(offences("a", f"about {word}")) == ["a line 1: say CSAM"]
    assert list(offences("a", f"the title of section 22, {word}")) == []
    assert list(offences("a", "mail reportchild" + "porn@pta.gov.pk")) == []
    assert list(offences("a", "\na white" + "list")) == ["a line 2: say block list or allow list"]
    assert list(offences("a", "see /wo" + "rk/main")) == ["a line 1: a path of the machine it was written on"]
