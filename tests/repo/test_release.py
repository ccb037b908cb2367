"""`make release`: what it refuses, and what it makes of what `make dist` has built.  A small clone stands for ours."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")

CHANGELOG = "# Changelog\n\n## [1.2.0] - 2026-12-01\n\n### Added\n\n- A wall.\n\n## [1.1.0] - 2026-11-01\n\n- Old.\n"
NOTES = "### Added\n\n- A wall.\n"
MAKEFILE = "dist:\n\tmkdir -p dist\n\techo wheel >dist/filterd-1.2.0.whl\n"
# Of the person who runs the tests, nothing counts.
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
ENVIRONMENT |= {f"GIT_{who}_{what}": "a@isp.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

Done = subprocess.CompletedProcess[str]
Release = Callable[..., Done]


def run(at: Path, *command: str | Path, **more: str) -> Done:
    return subprocess.run(command, cwd=at, env=ENVIRONMENT | more, capture_output=True, text=True, check=False)


def commit(at: Path) -> None:
    assert run(at, "git", "add", "--all").returncode == 0
    assert run(at, "git", "commit", "-q", "-m", "Change").returncode == 0


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    at = tmp_path / "clone"
    for folder in (".ci", "filterd"):
        (at / folder).mkdir(parents=True)
    shutil.copy(root / ".ci/release", at / ".ci/release")
    (at / "filterd/__init__.py").write_text('"""Ours."""\n\n__version__ = "1.2.0"\n')
    (at / "CHANGELOG.md").write_text(CHANGELOG)
    (at / "Makefile").write_text(MAKEFILE)
    (at / ".gitignore").write_text("dist/\n")
    run(at, "git", "init", "-q")
    commit(at)
    return at


@pytest.fixture
def release(clone: Path, tmp_path: Path) -> Release:
    run(tmp_path, "minisign", "-G", "-W", "-p", "filterd.pub", "-s", "filterd.key")
    return lambda key="../filterd.key": run(clone, ".ci/release", KEY=key)


def tags(clone: Path) -> str:
    return run(clone, "git", "tag").stdout


def test_it_makes_notes_and_signed_digests_and_tags_the_commit(clone: Path, release: Release) -> None:
    done = release()

    assert done.returncode == 0, done.stderr
    assert (clone / "dist/NOTES").read_text() == NOTES
    assert tags(clone) == "v1.2.0\n"
    assert run(clone, "git", "tag", "--format=%(contents)").stdout.strip() == NOTES.strip()
    assert run(clone, "git", "rev-parse", "v1.2.0^{commit}").stdout == run(clone, "git", "rev-parse", "HEAD").stdout


def test_the_digests_are_of_every_file_and_carry_the_signature_of_the_key(clone: Path, release: Release) -> None:
    release()

    listed = dict(line.split("  ")[::-1] for line in (clone / "dist/SHA256SUMS").read_text().splitlines())
    built = {path.name: path for path in (clone / "dist").iterdir() if not path.name.startswith("SHA256SUMS")}
    verify = ["minisign", "-V", "-p", "../../filterd.pub", "-m", "SHA256SUMS"]
    assert listed == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in built.items()}
    assert built.keys() == {"filterd-1.2.0.whl", "NOTES"}
    assert run(clone / "dist", *verify).returncode == 0

    (clone / "dist/SHA256SUMS").write_text("")
    assert run(clone / "dist", *verify).returncode != 0


def test_a_tree_with_changes_is_refused(clone: Path, release: Release) -> None:
    (clone / "new.py").write_text("")

    done = release()

    assert (done.returncode, tags(clone)) == (1, "")
    assert "not committed" in done.stderr and not (clone / "dist").exists()


@pytest.mark.parametrize(
    "text", [CHANGELOG.replace("1.2.0", "1.20"), CHANGELOG.replace("### Added\n\n- A wall.\n", "")]
)
def test_a_version_of_which_the_changelog_says_nothing_is_refused(clone: Path, release: Release, text: str) -> None:
    (clone / "CHANGELOG.md").write_text(text)
    commit(clone)

    done = release()

    assert (done.returncode, tags(clone)) == (1, "")
    assert "CHANGELOG.md: nothing under [1.2.0]" in done.stderr


@pytest.mark.parametrize("date", ["Unreleased", "soon", ""])
def test_a_version_without_a_date_is_refused(clone: Path, release: Release, date: str) -> None:
    (clone / "CHANGELOG.md").write_text(CHANGELOG.replace("2026-12-01", date))
    commit(clone)

    done = release()

    assert (done.returncode, tags(clone)) == (1, "")
    assert "CHANGELOG.md: [1.2.0] has no date" in done.stderr and not (clone / "dist").exists()


def test_a_version_that_has_a_tag_is_refused(clone: Path, release: Release) -> None:
    release()
    shutil.rmtree(clone / "dist")

    done = release()

    assert done.returncode == 1
    assert "v1.2.0: this tag exists" in done.stderr and not (clone / "dist").exists()


def test_every_fault_is_said_at_once(clone: Path, release: Release) -> None:
    (clone / "CHANGELOG.md").write_text("")

    done = release(key="gone.key")

    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [str(clone), "CHANGELOG.md", "KEY"]


def test_a_tree_that_changes_during_the_build_is_neither_signed_nor_tagged(clone: Path, release: Release) -> None:
    (clone / "Makefile").write_text(f"{MAKEFILE}\ttouch new.py\n")
    commit(clone)

    done = release()

    assert (done.returncode, tags(clone)) == (1, "")
    assert "changed during the build" in done.stderr and not (clone / "dist/SHA256SUMS").exists()


def test_a_build_that_fails_leaves_no_tag(clone: Path, release: Release) -> None:
    (clone / "Makefile").write_text(f"{MAKEFILE}\tfalse\n")
    commit(clone)

    assert (release().returncode == 0, tags(clone)) == (False, "")
