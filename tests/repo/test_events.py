"""The page of the ledger has every event that the program writes, and no other."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

Files = Callable[..., list[Path]]
Sinks = dict[str, int]  # function → which of its arguments is the action of an event

PAGE = Path("docs/audit/audit.md")
MAKERS: Sinks = {"Event": 1, "Ruling": 5}  # of an event, and of what control decides of an entry, which becomes one


class Call(NamedTuple):
    """A call, and the function around it."""

    name: str
    args: list[ast.expr]
    keywords: list[ast.keyword]
    within: ast.FunctionDef | ast.AsyncFunctionDef

    def takes(self) -> list[str]:
        """The parameters of the function around it, as its callers count them."""
        return [each.arg for each in self.within.args.args if each.arg != "self"]


def calls_of(tree: ast.Module) -> Iterator[Call]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    called, args = node.func, node.args
                    if name_of(called) == "to_thread":
                        called, args = args[0], args[1:]
                    yield Call(name_of(called), args, node.keywords, function)


def name_of(called: ast.expr) -> str:
    return str(getattr(called, "id", getattr(called, "attr", "")))


def action_of(call: Call, sinks: Sinks) -> ast.expr | None:
    """What a call says of the action of an event; None: nothing."""
    if call.name not in sinks and call.name != "_replace":
        return None
    for keyword in call.keywords:
        if keyword.arg == "action":
            return keyword.value
    at = sinks.get(call.name, len(call.args))
    return call.args[at] if at < len(call.args) else None


def with_callers(trees: dict[Path, ast.Module]) -> dict[Path, Sinks]:
    """Module → functions that write an event of the action that they are given; a private one is its module's."""
    public, private = dict(MAKERS), {path: Sinks() for path in trees}
    is_grown = True
    while is_grown:
        is_grown = False
        for path, tree in trees.items():
            for call in calls_of(tree):
                said, params = action_of(call, public | private[path]), call.takes()
                known = private[path] if call.within.name.startswith("_") else public
                if isinstance(said, ast.Name) and said.id in params and call.within.name not in known:
                    known[call.within.name], is_grown = params.index(said.id), True
    return {path: public | own for path, own in private.items()}


def texts_of(said: ast.expr, within: ast.AST, constants: dict[str, str]) -> Iterator[str]:
    """What an expression may be, as regular expressions."""
    match said:
        case ast.Name() if said.id in constants:
            yield re.escape(constants[said.id])
        case ast.Constant(value=str(text)):
            yield re.escape(text)
        case ast.IfExp():
            yield from texts_of(said.body, within, constants)
            yield from texts_of(said.orelse, within, constants)
        case ast.JoinedStr():
            yield "".join(
                re.escape(str(each.value)) if isinstance(each, ast.Constant) else ".+" for each in said.values
            )
        case ast.Name():
            for node in ast.walk(within):
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == said.id:
                    yield from texts_of(node.value, within, constants)
                if isinstance(node, ast.For) and said.id in ast.unparse(node.target):
                    yield from (re.escape(ast.literal_eval(each)) for each in ast.walk(node.iter) if is_text(each))
        case _:
            pass


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def constants_of(trees: Iterable[ast.Module]) -> dict[str, str]:
    """The texts that modules have names for."""
    made = (node for tree in trees for node in tree.body if isinstance(node, ast.Assign) and is_text(node.value))
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in made}


def written(trees: dict[Path, ast.Module]) -> set[str]:
    """The actions of every event in these modules."""
    sinks = with_callers(trees)
    found = ((action_of(call, sinks[path]), call) for path, tree in trees.items() for call in calls_of(tree))
    named = constants_of(trees.values())
    return {text for said, call in found if said is not None for text in texts_of(said, call.within, named)} - {""}


def documented(page: str) -> list[str]:
    """The actions of the table."""
    rows = page.partition("| kind | actions | holds |\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [action for row in rows for action in re.split("[,;] ", row.split("|")[2].strip())]


def test_the_page_of_the_ledger_has_every_event_and_no_other(root: Path, files: Files) -> None:
    trees = {path: ast.parse((root / path).read_text()) for path in files(".py", under=("mgmt", "filterd"))}
    actions, page = written(trees), documented((root / PAGE).read_text())

    assert len(page) == len(set(page)) > 80
    assert sorted(each for each in actions if not any(re.fullmatch(each, said) for said in page)) == []
    assert sorted(said for said in page if not any(re.fullmatch(each, said) for each in actions)) == []


def test_an_action_is_found_through_the_functions_that_pass_it_on() -> None:
    module = """
ENDED = "e ended"
def note(conn, action): append(conn, Event(KIND, action, by))
def _done(conn):
    did = "a begun" if conn else "a ended"
    note(conn, did)
    for each in ("b begun", "b ended"): note(conn, each)
    note(conn, f"c {each}")
    note(conn, ENDED)
    ruling._replace(action="d begun")
"""
    assert written({Path("x.py"): ast.parse(module)}) == {
        *(re.escape(text) for text in ("a begun", "a ended", "b begun", "b ended", "d begun", "e ended")),
        r"c\ .+",
    }
