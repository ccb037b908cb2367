"""The hooks of a commit run what `make check` runs, and fetch nothing."""

import re
from pathlib import Path

import yaml

RECIPE = re.compile(r"^check:.*\n((?:\t.*\n)+)", re.MULTILINE)
WITH_FILES = re.compile(r"bash -c '(.*) \"\$@\"' .*")  # for a command that needs a shell


def test_each_hook_is_a_command_of_check(root: Path) -> None:
    repos = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    [recipe] = RECIPE.findall((root / "Makefile").read_text().replace("$(BIN)", ".venv/bin").replace("$$", "$"))
    commands = [WITH_FILES.sub(r"\1", hook["entry"]) for repo in repos for hook in repo["hooks"]]

    assert {repo["repo"] for repo in repos} == {"local"}
    assert [command for command in commands if f"\t{command} " not in recipe] == []
    assert len(commands) == 3
