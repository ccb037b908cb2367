import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn, TextIO

import pytest
from support.system.daemon import Daemon

from filterd import __version__
from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


def run(*arguments: str, stdin: str = "", stdout: int | TextIO = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "filterd", *arguments]
    return subprocess.run(
        command, input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, env=env, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def tokens(daemon: Daemon) -> dict[str, str]:
    return {role: daemon.token(role) for role in ("operator", "regulator")}


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


@pytest.mark.parametrize(("fault", "code"), [(WrongUse("x"), 2), (MissingPart("x"), 3), (ApiRefusal("x"), 1)])
def test_each_kind_of_fault_has_its_exit_code_and_is_one_line(
    fault: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> NoReturn:
        raise fault

    monkeypatch.setattr("filterd.commands.canon.run", fail)

    assert main(["canon"]) == code
    assert capsys.readouterr().err == "filterd canon: x\n"


def test_what_the_system_refuses_is_one_line_with_the_path_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text("a.test\n")

    assert main(["compile", f"{tmp_path}/list.txt,tier=order", "-o", f"{tmp_path}/list.txt/out"]) == 3
    assert capsys.readouterr().err == (
        f"filterd compile: {tmp_path}/list.txt/out: Not a directory; not finished; "
        "check the path, who may use it, and the room on its disk\n"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["inspect", "{folder}"], "{folder}: Is a directory; not read; name a capture file\n"),
        (["dns", "--listen", "127.0.0.1:1", "--upstream", "127.0.0.2:1", "--splash4", "x"], "--splash4, --splash6: "),
        (["orders", "list", "--token-file", "{folder}/t", "--ca", "{folder}/none"], "--ca {folder}/none: No such file"),
        (
            ["orders", "list", "--token-file", "{folder}/t", "--ca", "{folder}/t"],
            "no PEM certificate in it; nothing done",
        ),
        (
            ["orders", "list", "--token-file", "{folder}/none"],
            "--token-file {folder}/none: No such file or directory; noth",
        ),
    ],
)
def test_a_file_or_an_address_that_cannot_be_used_is_wrong_use_in_one_sentence(
    tmp_path: Path, line: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t").write_text("token\n")

    assert main([each.format(folder=tmp_path) for each in line]) == 2
    said = capsys.readouterr().err.splitlines()[-1] + "\n"
    assert told.format(folder=tmp_path) in said
    assert said.count("; ") >= 2 and "Errno" not in said


@pytest.mark.services
def test_a_reader_that_leaves_early_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = run("canon", stdin="a.test\n" * 10_000, stdout=pipe)

    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.services
@pytest.mark.parametrize(
    "line",
    [
        "canon --json",
        "lookup listed.test x..y --list {folder}/pta.csv,tier=order --json",
        "compile {folder}/adult.txt,category=adult -o {folder}/out --json",
        "doctor --config {folder}/filterd.yaml --json",
        "status --config {folder}/filterd.yaml --json",
        "reload --config {folder}/filterd.yaml --json",
        "lists list --config {folder}/filterd.yaml --json",
        "lists refresh --config {folder}/filterd.yaml --json",
        "orders push x.json.test y..z --issuer PTA --ref JSON-1 --ground x --json",
        "orders list --json",
        "orders show --issuer PTA JSON-1 --json",
        "orders confirm --issuer PTA JSON-1 --json",
        "orders withdraw --issuer PTA JSON-1 --reason x --json",
        "subscribers put 81 --label x --prefix 127.0.0.81/32 --json",
        "subscribers list --json",
        "profiles list --json",
        "profiles put 81 --safe-search strict --json",
        "devices put 81 phone --json",
        "devices list 81 --json",
        "subscribers delete 81 --json",
    ],
)
def test_json_is_one_object_a_line_alone_on_stdout(daemon: Daemon, tokens: dict[str, str], line: str) -> None:
    command = line.format(folder=daemon.folder).split()
    role = "regulator" if command[0] == "orders" else "operator"
    env = daemon.env(FILTERD_API=f"http://127.0.0.1:{daemon.api}", FILTERD_TOKEN=tokens[role])
    done = subprocess.run(
        daemon.command(*command),
        input="A.test\nx..y\n",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.endswith("\n")
    assert all(isinstance(json.loads(each), dict) for each in done.stdout.splitlines())
    assert "{" not in done.stderr


@pytest.mark.services
def test_canon_waits_for_no_web_framework_and_no_database() -> None:
    code = "import sys; from filterd.cli import main; main(['canon']); print(sorted(sys.modules), file=sys.stderr)"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True, env=env, check=True)

    assert "'rules.base.canonical'" in done.stderr
    for heavy in ("aiohttp", "sqlalchemy", "asyncio", "jinja2", "yaml"):
        assert f"'{heavy}'" not in done.stderr
