import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, TextIO

import pytest

from filterd import __version__
from filterd.cli import COMMANDS, main
from filterd.errors import Missing, Refused, WrongUse

ROOT = Path(__file__).parents[2]


def run(*arguments: str, stdin: str = "", stdout: int | TextIO = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "filterd", *arguments]
    return subprocess.run(
        command, input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, timeout=30, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])

    assert ended.value.code == 0
    assert f"example:\n  filterd {command}" in capsys.readouterr().out.replace("echo 'WWW.Example.Test.' | ", "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_module_of_the_same_shape(command: str) -> None:
    module = importlib.import_module("filterd.commands." + command.replace("-", "_"))

    assert isinstance(module.EXAMPLE, str)
    assert callable(module.add_arguments)
    assert callable(module.run)


@pytest.mark.services
def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"filterd {__version__}\n"


@pytest.mark.parametrize("wrong", [(), ("nonsense",), ("canon", "--nonsense"), ("lookup", "--channel", "smoke")])
def test_wrong_use_is_exit_2(wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)

    assert ended.value.code == 2
    assert "usage: filterd" in capsys.readouterr().err


@pytest.mark.parametrize(("fault", "code"), [(WrongUse("x"), 2), (Missing("x"), 3), (Refused("x"), 1)])
def test_each_kind_of_fault_has_its_exit_code_and_is_one_line(
    fault: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> NoReturn:
        raise fault

    monkeypatch.setattr("filterd.commands.canon.run", fail)

    assert main(["canon"]) == code
    assert capsys.readouterr().err == "filterd canon: x\n"


@pytest.mark.services
def test_a_reader_that_leaves_early_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = run("canon", stdin="a.test\n" * 10_000, stdout=pipe)

    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.services
def test_canon_waits_for_no_web_framework_and_no_database() -> None:
    code = "import sys; from filterd.cli import main; main(['canon']); print(sorted(sys.modules), file=sys.stderr)"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True, env=env, check=True)

    assert "'rules.names.canonical'" in done.stderr
    for heavy in ("aiohttp", "sqlalchemy", "asyncio", "jinja2", "yaml"):
        assert f"'{heavy}'" not in done.stderr
