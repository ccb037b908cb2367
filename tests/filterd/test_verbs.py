import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from filterd.cli import COMMANDS, parser_for
from filterd.verbs import add_verb, add_verbs, examples_of

PARSER = parser_for(COMMANDS)
SHELL = re.compile(r"\s[|>]\s.*")  # what a shell does with the output


def parsers_below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Commands and their verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield below
                yield from parsers_below(below)


def lines_of(parser: argparse.ArgumentParser) -> list[list[str]]:
    """The arguments of those examples that are command lines of filterd."""
    lines = [
        SHELL.sub("", line.partition("| ")[2] or line) if line.startswith("echo") else line
        for line in examples_of(parser)
    ]
    return [shlex.split(SHELL.sub("", line))[1:] for line in lines if line.startswith("filterd ")]


@pytest.mark.parametrize("parser", [*parsers_below(PARSER)], ids=lambda parser: parser.prog)
def test_every_command_and_every_verb_has_an_example_that_can_be_typed(parser: argparse.ArgumentParser) -> None:
    lines = lines_of(parser)

    assert lines
    for line in lines:
        said = PARSER.parse_args(line)
        assert f"filterd {said.command} {getattr(said, 'verb', '')}".startswith(parser.prog)
    assert "\nexample:\n  " in parser.format_help()


@pytest.mark.parametrize("parser", [*parsers_below(PARSER)], ids=lambda parser: parser.prog)
def test_every_command_and_every_verb_says_what_it_is_for(parser: argparse.ArgumentParser) -> None:
    assert re.fullmatch(r"[A-Z].+[^.]\.", parser.description or "")


def test_a_command_with_verbs_needs_one(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="tool")
    add_verb(add_verbs(parser), "put", "put it", "tool put 7")

    with pytest.raises(SystemExit) as ended:
        parser.parse_args([])

    assert ended.value.code == 2
    assert "VERB" in capsys.readouterr().err


@pytest.mark.parametrize(
    "said",
    [
        ["token", "revoke", "9" * 20],
        ["token", "create", "parent", "--subscriber", "9" * 20],
        ["sessions", "name", "9" * 20, "a@isp.example"],
        ["sessions", "name", "7", "\udcff"],
        ["sessions", "unname", "\udcff"],
        ["audit", "redact", "0", "--reason", "x"],
        ["audit", "redact", "9" * 5000, "--reason", "x"],
    ],
)
def test_what_no_database_can_hold_is_a_fault_of_the_argument(said: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSER.parse_args(said)

    assert ended.value.code == 2
