from pathlib import Path

import pytest

from filterd.config import BadConfig, load
from filterd.config.stanza import CannotAdd, add_lists, line_of

HEAD = 'dns: {upstreams: ["192.0.2.53:53"]}\n'
LINE = line_of("a", {"url": "https://a.test/x.txt", "every": "1d", "format": "plain", "tier": "security"})
ROW = f"- {LINE}\n"


def added(tmp_path: Path, text: str, *lines: str) -> str:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    add_lists(path, lines or [LINE])
    assert load(path).lists[-1].id == "a"
    return path.read_text()


def test_a_file_without_lists_gets_them(tmp_path: Path) -> None:
    assert added(tmp_path, HEAD) == f"{HEAD}\nlists:\n  {ROW}"
    assert added(tmp_path, HEAD.rstrip()) == f"{HEAD}\nlists:\n  {ROW}"


OLD = "{id: b, file: b, format: plain, tier: security}"
BLOCK = "id: b\n    file: b\n    format: plain\n    tier: security      # ours\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"lists:\n  - {OLD}   # of ours\n", ""),
        (f"lists:\n  - {OLD}\n  # none of these yet\n\n", "protected: {names: [a.example]}\n"),
        (f"lists:\n- {OLD}\n", "protected: {names: [a.example]}\n"),
        (f"lists:   # all\n  - {BLOCK}", "protected: {names: [a.example]}\n"),
        (f"lists:\n  - {BLOCK}", ""),
        (f"lists:\n  - {OLD}", ""),
    ],
)
def test_what_a_person_has_written_stays_letter_for_letter(tmp_path: Path, before: str, after: str) -> None:
    text = HEAD + before + after
    new = added(tmp_path, text)

    assert "".join(row for row in new.splitlines(keepends=True) if not row.endswith(ROW)).rstrip() == text.rstrip()
    assert new.count(ROW) == 1


def test_the_mode_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(HEAD)
    (tmp_path / "f.yaml").chmod(0o640)

    add_lists(tmp_path / "f.yaml", [LINE])

    assert (tmp_path / "f.yaml").stat().st_mode & 0o777 == 0o640


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f.yaml").write_text(HEAD)
    (tmp_path / "f.yaml").symlink_to("real/f.yaml")

    add_lists(tmp_path / "f.yaml", [LINE])

    assert (tmp_path / "f.yaml").is_symlink() and LINE in (tmp_path / "real/f.yaml").read_text()


@pytest.mark.parametrize("lists", [f"lists: [{OLD}]\n", "lists: []\n"])
def test_lists_in_one_line_are_left_to_a_person(tmp_path: Path, lists: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(HEAD + lists)

    with pytest.raises(CannotAdd, match=r"f\.yaml:2: .* add them by hand"):
        add_lists(path, [LINE])
    assert path.read_text() == HEAD + lists


def test_nothing_is_written_into_a_file_that_has_a_fault_or_would_get_one(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    for text, line, fault in (("dns: {}\n", LINE, "upstreams"), (HEAD, LINE.replace("1d", "1y"), "nothing written")):
        path.write_text(text)
        with pytest.raises(BadConfig, match=fault):
            add_lists(path, [line])
        assert path.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["f.yaml"]
