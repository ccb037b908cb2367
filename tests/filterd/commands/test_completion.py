import subprocess
from pathlib import Path

import pytest

from filterd.cli import main


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def completed_by_bash(script: str, line: str) -> list[str]:
    """What bash offers for the last word of a line, in this folder."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f"""
COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}
$(complete -p filterd | sed 's/.*-F \\([^ ]*\\) .*/\\1/') filterd '{words[-1]}' ''
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.services
def test_bash_completes_commands_verbs_options_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    bash = script("bash", capsys)

    assert completed_by_bash(bash, "filterd pro") == ["profiles"]
    assert completed_by_bash(bash, "filterd orders con") == ["confirm"]
    assert completed_by_bash(bash, "filterd orders confirm --iss") == ["--issuer"]
    assert completed_by_bash(bash, "filterd profiles put 7 --safe-search st") == ["strict"]


@pytest.mark.services
def test_bash_completes_files_where_a_file_is_meant_and_folders_where_a_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "image.pcap").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    bash = script("bash", capsys)

    assert sorted(completed_by_bash(bash, "filterd inspect ima")) == ["image.pcap", "images"]
    assert completed_by_bash(bash, "filterd inspect image.pcap --images ima") == ["images"]


@pytest.mark.services
def test_zsh_reads_its_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "_filterd").write_text(script("zsh", capsys))

    asked = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump; echo $_comps[filterd]"
    done = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, check=False, timeout=60)
    read = subprocess.run(["zsh", "-n", tmp_path / "_filterd"], capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout, done.stderr) == ("_filterd\n", "")
    assert (read.returncode, read.stderr) == (0, "")


def test_another_shell_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", "cmd.exe"])

    assert ended.value.code == 2
