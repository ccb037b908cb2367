"""What a command says when it refuses: where, what was found, what was done, what you can do."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

Files = Callable[..., list[Path]]
ERRORS = ("MissingPart", "ApiRefusal", "WrongUse")
PARTS = 3  # between the semicolons: the place and what was found, what was done, what to do


def refusals(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """(place, text) of every refusal that is written where it is raised."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            said = node.exc.args[0]
            if getattr(node.exc.func, "id", "") in ERRORS and isinstance(said, ast.Constant | ast.JoinedStr):
                yield f"{path}:{node.lineno}", ast.unparse(said)


def is_whole(text: str) -> bool:
    """Whether a refusal has its parts, or passes on one that has."""
    if text.endswith("{reason}'"):
        return True
    return ":" in text.partition(";")[0] and text.count(";") >= PARTS - 1


def test_a_command_that_refuses_says_where_what_what_was_done_and_what_to_do(root: Path, files: Files) -> None:
    modules = [path for path in files(".py", under=("filterd",)) if path.parts[1] in ("commands", "lookup")]
    found = [each for path in modules for each in refusals(path, (root / path).read_text())]

    assert len(found) > 30
    assert [f"{place} {text}" for place, text in found if not is_whole(text)] == []


def test_a_refusal_without_a_remedy_is_found() -> None:
    [(_, text)] = refusals(Path("x.py"), "raise WrongUse(f'--x {y}: not a number')")

    assert not is_whole(text)
