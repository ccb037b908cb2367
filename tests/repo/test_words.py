"""Words that this repository does not use: anywhere, and in what a person reads."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Each is put together here, so that this file passes its own test.
CSAM = re.compile("child" + "[ _-]?porn", re.IGNORECASE)
CSAM_EXCUSE = re.compile("reportchild" + "porn@|title of|statute", re.IGNORECASE)
COLOURS = re.compile("(black|white)" + "[ _-]?list", re.IGNORECASE)
COLOURS_EXCUSE = re.compile(r"https://dsi\.ut-capitole\.fr/")  # the address that a publisher has chosen
PLACES = re.compile(r"(?<![\w.])/(work|farm|tmp/s)" + r"/|/root/\.|\.lib" + "rary/")
FORBIDDEN = (
    ("say CSAM", CSAM, CSAM_EXCUSE),
    ("say block list or allow list", COLOURS, COLOURS_EXCUSE),
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


# -- plain English in what a person reads ------------------------------------------------------------------------------

PRIVATE = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"\bnobody('s)?\b(?!\.test)", "no one, no client; or turn the sentence"),
        (r"\bwhoever\b", "anyone who, the client that"),
        (r"\bwhatever\b", "any, regardless of"),
        (r"\b(some|any|every)body('s)?\b", "someone, another client, all clients"),
        (r"\bbeside\b", "next to, together with, in addition to"),
        (r"\banew\b", "again"),
        (r"\btold\b(?! the police)", "informed, reported, logged, shown"),
        (r"\btells? (of|which|how|what|where)\b", "shows, reports, says"),
        (r"\bways? around\b(?! the filter)", "circumvention, bypass"),
        (r"\bunlooked\b", "uninspected"),
        (r"\bliked\b", "popular, preferred"),
        (r"\blets? (it |them |him )?go\b", "allows, passes"),
        (r"\bwaved through\b", "passed"),
        (r"\bsays no more\b", "gives no further answer"),
        (r"\bseldom\b", "rarely"),
        (r"\bfor ever\b", "forever, permanently"),
        (r"\bto be (seen|had)\b", "visible, available"),
        (r"\bstands? (still|apart|twice|here|there|in its place)\b", "hangs, is not adjacent, is repeated, is here"),
        (r"\bmend(ed|s)?\b", "fix, correct, repair"),
        (r"\b(is|are|one|fault) of ours\b", "our, internal"),
        (r"\bwho are you\b", "Unauthorized"),
        (r"\bnot yours\b", "Forbidden"),
        (r"\b(is|are|was|were) not there\b", "does not exist, is missing"),
        (r"\b(is|are) none\b|\bwhat is none\b", "is not a …, does not exist"),
        (r"\b(has gone|goes) bad\b", "is damaged"),
        (r"\b(gone|back|comes?|happens|does it|does so|ended) by itself\b", "automatically"),
        (r"\b(keeps?|kept) (them |it )?in mind\b", "tracks"),
        (r"\bin the shadow\b", "on trial"),
        (r"\b(the )?begins? of\b", "start of"),
        (r"\b(role|unit|account|core|worker|line|hello|second|packet)s? a (role|core|line|desk)\b", "… for each …"),
        (r"\bits? time is (up|over)\b|\bbefore its time\b", "expired, early"),
        (r"\b(hand|handed|hands) on\b", "pass on, forward"),
        (r"\bkept (by|its) digest\b", "stored under its digest"),
        (r"\b(and|or) the like\b|\band its kind\b", "and similar types"),
        (r"\b(merely|lest|hence|whence|thereof)\b", "only, so that not, so, of it"),
        (r"\bsay\)|, say[,.;]", "for example"),
    )
)


# Docstrings, comments and strings of a .pyx or .pxd.
PYX_TEXT = re.compile(r'"""[\s\S]*?"""|#[^\n]*|"(?:[^"\\\n]|\\.)*"')
# In a docstring or a comment: the value None, and a parameter in front of what it is.
CODE_IN_PROSE = re.compile(r"\b(is|are) None\b|\b(told|beside)  ")
CODE_OF_A_PAGE = re.compile(r"^ *```[\s\S]*?^ *```|`[^`\n]+`", re.MULTILINE)


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a module, docstrings among them."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
            yield child.lineno, CODE_IN_PROSE.sub("", child.value.value)
        elif isinstance(child, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in child.values)
            yield child.lineno, "".join(parts)
            for part in child.values:
                yield from strings(part)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.lineno, child.value
        else:
            yield from strings(child)


def comments(content: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], CODE_IN_PROSE.sub("", token.string)


def texts(path: Path, content: str) -> Iterator[tuple[int, str]]:
    """Line and text of what a person reads of a file: a module's strings and comments, a page outside of its code."""
    if path.suffix == ".py":
        yield from strings(ast.parse(content))
        yield from comments(content)
    elif path.suffix in (".pyx", ".pxd"):
        for found in PYX_TEXT.finditer(content):
            is_prose = found[0].startswith(('"""', "#"))
            line = content.count("\n", 0, found.start()) + 1
            yield line, CODE_IN_PROSE.sub("", found[0]) if is_prose else found[0]
    else:
        prose = CODE_OF_A_PAGE.sub(lambda code: "\n" * code[0].count("\n"), content)
        yield from enumerate(prose.splitlines(), 1)


def private_words(path: Path, content: str) -> list[str]:
    return [
        f"{path} line {line}: {found[0]!r}: write {advice}"
        for line, text in texts(path, content)
        for word, advice in PRIVATE
        if (found := word.search(text))
    ]


@pytest.fixture(scope="module")
def private(root: Path, files: Files, packages: tuple[str, ...]) -> dict[str, list[str]]:
    """The private words of every module of the product and of every page, by file."""
    pages = [path for path in files(".md") if len(path.parts) == 1 or path.parts[0] == "docs"]
    modules = files(".py", ".pyx", ".pxd", under=packages)
    return {str(path): private_words(path, (root / path).read_text()) for path in (*modules, *pages)}


def test_what_a_person_reads_is_in_plain_english(private: dict[str, list[str]]) -> None:
    assert [each for words in private.values() for each in words] == []


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.py", 'raise ValueError("a zone that nobody may fetch")', [1]),
        ("a.py", '\nlog.info(f"{x}: it is {y} whoever asks", x)', [2]),
        ("a.py", 'NAME = ("started "\n    "anew")', [1]),
        ("a.py", 'def f():\n    """Whatever."""\n    return {"ways_around": "a way out"}', [2]),
        ("a.py", "nobody = 1  # and somebody", [1]),
        ("a.py", 'f"{"told" if x else ""}"', [1]),
        ("a.pyx", '"""Nobody."""\ncdef x  # nobody\nraise ValueError("to nobody")', [1, 2, 3]),
        ("README.md", "Seen by `nobody`.\n\n```\nwhoever\n```\nIt stands here.\n", [6]),
        ("README.md", "The account is on trial; we have not told the police.", []),
    ],
)
def test_a_private_word_is_found_in_output_and_not_in_code(name: str, content: str, lines: list[int]) -> None:
    path = Path(name)

    assert [each.split(":")[0] for each in private_words(path, content)] == [f"{name} line {line}" for line in lines]
