import errno
import json
from pathlib import Path

import pytest

from fastpath.wire.name import to_wire
from filterd.box.errors import MissingPart, WrongUse
from filterd.cli import main
from filterd.images.explain.open_tables import open_attributed, open_tables

BAD = to_wire(b"bad.test")


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "pta.txt").write_text("bad.test\n")
    return f"{tmp_path / 'pta.txt'},tier=order"


@pytest.fixture
def out(tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]) -> Path:
    main(["compile", source, "-o", str(tmp_path / "out")])
    return tmp_path / "out"


def test_lists_are_compiled_on_the_spot(tmp_path: Path, source: str) -> None:
    assert open_tables([source], None, tmp_path).decide(BAD, None, 0).list == "pta"


def test_the_images_of_a_directory_are_those_that_its_manifest_names(tmp_path: Path, out: Path) -> None:
    assert open_tables([], out, tmp_path).decide(BAD, None, 0).list == "pta"


def test_a_box_without_images_blocks_nothing_where_no_list_is_given_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("filterd.images.explain.open_tables.IMAGES_DIR", tmp_path / "none")

    assert open_tables([], None, tmp_path).decide(BAD, None, 0).list is None
    assert capsys.readouterr().err == (
        f"{tmp_path}/none: no images there; nothing is blocked; give --list SOURCE or --images DIR\n"
    )
    with pytest.raises(MissingPart, match="nothing looked up"):
        open_attributed([], None, tmp_path)


def test_one_of_the_two_is_needed_and_no_more(tmp_path: Path, source: str) -> None:
    with pytest.raises(MissingPart, match=r"current.json: not there; nothing looked up; give --list"):
        open_tables([], tmp_path, tmp_path)
    with pytest.raises(WrongUse, match="one of the two"):
        open_tables([source], tmp_path, tmp_path)


def test_a_report_of_another_compilation_names_no_files(tmp_path: Path, out: Path) -> None:
    report = json.loads((out / "report.json").read_text())
    (out / "report.json").write_text(json.dumps(report | {"generation": 99}))

    tables, attribution = open_attributed([], out, tmp_path)

    (match,) = attribution.tell(BAD, tables.matches(BAD))
    assert (match["line"], "file" in match) == (1, False)


def test_the_report_of_the_daemon_is_known_too(tmp_path: Path, out: Path) -> None:
    report = json.loads((out / "report.json").read_text())
    (out / "report.json").unlink()
    (out / "compiled.json").write_text(json.dumps({"generation": report["generation"], "report": report}))

    tables, attribution = open_attributed([], out, tmp_path)

    (match,) = attribution.tell(BAD, tables.matches(BAD))
    assert match["file"] == str(tmp_path / "pta.txt")


@pytest.mark.parametrize("text", ["[]", "no JSON", ""])
def test_a_report_that_is_none_is_passed_over(tmp_path: Path, out: Path, text: str) -> None:
    (out / "compiled.json").write_text(text)

    tables, attribution = open_attributed([], out, tmp_path)

    assert "file" in attribution.tell(BAD, tables.matches(BAD))[0]


def test_images_that_this_account_may_not_read_name_what_it_lacks(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "state/image-key/key")

    monkeypatch.setattr("filterd.images.explain.open_tables.hold_image_key", refuse)

    with pytest.raises(
        MissingPart, match=r"^state/image-key/key: Permission denied; nothing looked up; run it as root"
    ):
        open_tables([], out, tmp_path)
