import asyncio
import logging
from pathlib import Path

import pytest

from filterd.config.accepted import accept
from filterd.process import log_level
from filterd.process.log_level import follow_log_level

SAID = "state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n"


def test_a_role_logs_as_the_accepted_configuration_says_and_not_as_the_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_level, "LOOK_EVERY_S", 0.01)
    source, root = tmp_path / "f.yaml", logging.getLogger()
    before = root.level
    source.write_text(SAID)

    async def play() -> tuple[int, int]:
        following = asyncio.ensure_future(follow_log_level(accept(source).config, source))  # noqa: TID251
        root.setLevel("INFO")
        source.write_text(SAID + "log_level: debug\n")
        await asyncio.sleep(0.05)
        unchanged = root.level
        accept(source)
        while root.level == unchanged:  # noqa: ASYNC110  # a level cannot be awaited
            await asyncio.sleep(0.01)
        following.cancel()
        return unchanged, root.level

    try:
        assert asyncio.run(asyncio.wait_for(play(), 60)) == (logging.INFO, logging.DEBUG)
    finally:
        root.setLevel(before)
