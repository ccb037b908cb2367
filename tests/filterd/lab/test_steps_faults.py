import json
from pathlib import Path
from typing import Any

import pytest
from support.images.opened import Images
from support.system.stage import dig_text, scripted_stage

from fastpath.images.image import BadImage, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.verdict import Mode
from filterd.lab import steps_faults
from filterd.lab.stage import StepFailure


def test_the_corrupted_copy_is_refused_and_the_original_is_untouched(tmp_path: Path, images: Images) -> None:
    good = tmp_path / "names-1.img"
    images.names([("orders", "listed.test", Mode.SUBTREE)])
    good.write_bytes((images.folder / "NAMES-1.img").read_bytes())
    before = good.read_bytes()

    manifest = {"names": {"base": good.name, "delta": None}, "policy": {"base": "p"}}
    offered = steps_faults._corrupt_copy(tmp_path, manifest)

    said = json.loads(offered.read_text())
    assert said == {"names": {"base": "names-1-corrupted.img", "delta": None}, "policy": {"base": "p"}}
    assert good.read_bytes() == before
    with pytest.raises(BadImage, match="checksum"):
        open_image(tmp_path / "names-1-corrupted.img", ImageKind.NAMES)


class Worker:
    """Stands in for a worker's socket."""

    def __init__(self, reply: dict[str, Any], generations: list[int]) -> None:
        self._reply, self._generations = reply, generations

    def ask(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._reply if request["op"] == "use" else {"generations": self._generations.pop(0)}


@pytest.mark.parametrize(
    ("reply", "generations", "expected"),
    [
        ({"ok": True}, [1, 1], "worker dns-0 to refuse"),
        ({"ok": False, "refused": "checksum differs"}, [1, 2], "worker dns-0 to stay with 1"),
    ],
)
def test_a_worker_that_takes_a_corrupted_image_fails_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: dict[str, Any], generations: list[int], expected: str
) -> None:
    folder = tmp_path / "state/images"
    folder.mkdir(parents=True)
    (folder / "names-1.img").write_bytes(bytes(64))
    (folder / "current.json").write_text(json.dumps({"names": {"base": "names-1.img"}}))
    stage = scripted_stage(tmp_path, lambda *_: dig_text())
    monkeypatch.setattr(stage.gateway, "workers", lambda: ["dns-0"])
    monkeypatch.setattr(stage.gateway, "ask_worker", Worker(reply, generations).ask)

    with pytest.raises(StepFailure, match=expected):
        steps_faults.refuse_corrupted_image(stage)


def test_an_exit_code_that_is_not_0_fails_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = scripted_stage(tmp_path, lambda *_: "")
    monkeypatch.setattr(stage.gateway, "stop", lambda: -9)

    with pytest.raises(StepFailure, match="exit code 0; saw -9"):
        steps_faults.stop_filterd(stage)


def test_a_filter_that_lets_a_listed_name_through_meanwhile_fails_the_step(tmp_path: Path) -> None:
    stage = scripted_stage(tmp_path, lambda *_: dig_text("listed.test. 30 IN A 192.0.2.40"))

    with pytest.raises(StepFailure, match=r"listed\.test blocked in DNS"):
        steps_faults._must_filter(stage)
