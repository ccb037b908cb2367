from pathlib import Path

from filterd.cli import main

EXAMPLE = Path(__file__).parents[3] / "docs/filterd.example.yaml"


def test_the_shipped_example_passes(capsys):
    assert main(["check-config", str(EXAMPLE)]) == 0
    assert "good; 4 lists, 1 dns and 1 gate workers" in capsys.readouterr().out


def test_every_fault_is_printed_and_counted(tmp_path, capsys):
    path = tmp_path / "f.yaml"
    path.write_text("dns: {workers: x}\n")

    assert main(["check-config", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert said[-1] == f"{path}: 2 faults"


def test_a_list_file_that_is_not_there_yet_is_told(tmp_path, capsys):
    path = tmp_path / "f.yaml"
    lists = "lists: [{id: a, file: a.txt, format: plain, tier: security}]\n"
    path.write_text("dns: {upstreams: ['192.0.2.53:53']}\n" + lists)

    assert main(["check-config", str(path)]) == 0
    assert f"list a: {tmp_path / 'a.txt'} is not there yet" in capsys.readouterr().out
