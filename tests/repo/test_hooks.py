"""The hooks of a commit run what `make check` runs or a part of it, and fetch nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

RECIPE = re.compile(r"^check-[a-z-]+:\n((?:\t.*\n)+)", re.MULTILINE)  # the parts of `check`
WITH_FILES = re.compile(r"bash -c '(.*) \"\$@\"' .*")  # for a command that needs a shell
LEFT_OUT = "--ignore="

Hook = dict[str, Any]


@pytest.fixture(scope="module")
def hooks(root: Path) -> list[Hook]:
    [repo] = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    return list(repo["hooks"])


def test_each_hook_is_a_command_of_check(root: Path, hooks: list[Hook]) -> None:
    makefile = (root / "Makefile").read_text().replace("$(BIN)", ".venv/bin").replace("$$", "$")
    recipe = "".join(RECIPE.findall(makefile))
    commands = [WITH_FILES.sub(r"\1", hook["entry"]) for hook in hooks]

    assert [command for command in commands if not re.search(rf"\t{re.escape(command)}[ \n]", recipe)] == []
    assert len(commands) == 4


def test_the_tools_of_a_hook_are_those_of_the_clone(hooks: list[Hook]) -> None:
    assert {hook["language"] for hook in hooks} == {"system"}
    assert [hook["id"] for hook in hooks if ".venv/bin" not in hook["entry"]] == []


def test_what_is_added_to_a_command_only_leaves_out_tests_that_exist(root: Path, hooks: list[Hook]) -> None:
    added = [argument for hook in hooks for argument in hook.get("args", [])]

    assert [each for each in added if not each.startswith(LEFT_OUT)] == []
    assert [each for each in added if not (root / each.removeprefix(LEFT_OUT)).is_file()] == []
