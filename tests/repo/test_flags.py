"""Flags: what is named as a question, `is_…` or `has_…`, is answered by true or false."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

QUESTION = re.compile(r"_*(is|are|was|were|has|can|may)_")
# Besides bool: a condition of the database, a function that answers, and None where it is not known.
ANSWERS = re.compile(
    r"(Annotated\[bool, .*|ColumnElement\[bool\]|Callable\[.*, bool\]|bool)( \| None)?( = .*)?", re.DOTALL
)
Files = Callable[..., list[Path]]


def answers_of(tree: ast.AST) -> Iterator[tuple[int, str, ast.expr | None]]:
    """The functions, parameters and annotated names of a module: line, name, type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name, node.returns
            for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                yield each.lineno, each.arg, each.annotation
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name | ast.Attribute):
            target = node.target
            yield node.lineno, target.id if isinstance(target, ast.Name) else target.attr, node.annotation


def others(text: str) -> list[tuple[int, str]]:
    """The names that ask and are not answered by true or false."""
    asked = (each for each in answers_of(ast.parse(text)) if QUESTION.match(each[1]))
    return [(line, name) for line, name, type_ in asked if not type_ or not ANSWERS.fullmatch(ast.unparse(type_))]


def test_a_name_that_asks_is_answered_by_true_or_false(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    modules = files(".py", ".pyi", under=packages)
    found = {f"{path}:{line}": name for path in modules for line, name in others((root / path).read_text())}

    assert len(modules) > 900
    assert found == {}


def test_a_number_behind_a_question_is_found() -> None:
    text = "def is_open(a: int) -> int: ...\ndef f(has_b: int, is_c: bool) -> str: ...\nis_d: str\nis_e: bool | None"

    assert others(text) == [(1, "is_open"), (2, "has_b"), (3, "is_d")]
