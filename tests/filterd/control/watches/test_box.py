"""What is wrong with the box is a fault that stands, and ends with its cause."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import make

from filterd.box.errors import MissingPart
from filterd.control.base.context import guarded
from filterd.control.watches.box import UNKNOWN, BoxWatch
from filterd.kernel.box_settings import BoxSettings, Finding
from filterd.kernel.ruleset import Rules

OFFLOAD = Finding("offload", "'flow add' in inet fw forward", "take them out")
PATHS = Finding("reverse paths", "strict at eth0", "set it to 2")


class Played(BoxSettings):
    """A box of which the test says what is found."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Finding] = []
        self.mended: list[str] = []
        self.is_dumb = False
        self.reason: Exception = MissingPart("nft: not on this box")

    def mend(self, rules: Rules) -> list[str]:
        return self.mended

    def faults(self, rules: Rules) -> list[Finding]:
        if self.is_dumb:
            raise self.reason
        return self.found


async def test_each_setting_that_is_wrong_is_a_fault_of_its_own_until_it_is_right(
    place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    context, box = make(place, engine).context, Played()
    context.faults["lists"] = "another one"
    watch = BoxWatch(context, box)

    box.found = [OFFLOAD, PATHS]
    await watch.look()
    await watch.look()
    both = dict(context.faults)
    box.found = [PATHS]
    await watch.look()

    assert both == {
        "lists": "another one",
        "box: offload": "offload: 'flow add' in inet fw forward; take them out",
        "box: reverse paths": "reverse paths: strict at eth0; set it to 2",
    }
    assert set(context.faults) == {"lists", "box: reverse paths"}
    assert [record.getMessage() for record in caplog.records] == [
        *list(both.values())[1:],
        "offload is right again",
    ]


async def test_what_is_put_right_is_said_and_no_fault(
    place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    context, box = make(place, engine).context, Played()
    box.mended = ["net.netfilter.nf_conntrack_checksum: was 0, so that decoy packets are forwarded; set to 1"]

    await BoxWatch(context, box).look()

    assert context.faults == {}
    assert "was 0" in caplog.text


async def test_a_box_that_cannot_be_looked_at_is_a_fault_and_no_end(place: Path, engine: Engine) -> None:
    context, box = make(place, engine).context, Played()
    box.is_dumb, watch = True, BoxWatch(context, box)

    await guarded(context.faults, UNKNOWN, watch.look)
    said = dict(context.faults)
    box.is_dumb = False
    await guarded(context.faults, UNKNOWN, watch.look)

    assert "nft: not on this box" in said["box: settings"]
    assert context.faults == {}


@pytest.mark.parametrize("reason", [KeyError("expr"), subprocess.TimeoutExpired(["nft"], 60), OSError("nft")])
async def test_what_was_wrong_is_not_called_right_where_the_box_cannot_be_looked_at_and_the_role_goes_on(
    reason: Exception, place: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    context, box = make(place, engine).context, Played()
    box.found, watch = [OFFLOAD], BoxWatch(context, box)
    await guarded(context.faults, UNKNOWN, watch.look)
    box.is_dumb, box.reason = True, reason

    await guarded(context.faults, UNKNOWN, watch.look)

    assert set(context.faults) == {"box: offload", "box: settings"}
    assert "right again" not in caplog.text
