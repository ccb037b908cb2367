"""The gate role: one packet queue, or one worker of a tap, under a worker's control side."""

from pathlib import Path

from fastpath.images.verdict import Reason
from filterd.box.places import UNFINISHED
from filterd.commands.roles.packet_gate.front import GateFront, Pages
from filterd.config import Config
from filterd.config.desk_file import page_settings_of
from filterd.images.words import word
from filterd.process.worker import Worker, make_reporter
from filterd.process.worker_setup import WorkerSetup
from mgmt.registers.settings.page_settings import Settings
from mgmt.text.language import languages
from mgmt.web.splash.canned import REASON_GROUPS, canned_page


async def live(config: Config, config_file: Path, index: int) -> int:
    """Judge the packets of queue first_queue + index, or a share of a tap's, until SIGTERM."""
    name = f"gate-{index}"
    reporter = make_reporter(config.state_dir, config.run_dir, name)
    settings = page_settings_of(config)
    is_shut = config.when_no_images == "closed"
    unfinished = config.run_dir / name / UNFINISHED
    front = GateFront(config.gate.first_queue + index, config.gate, pages_of(settings), reporter, unfinished, is_shut)
    setup = WorkerSetup("gate", config, config_file, GatePages(front, settings).take)
    await Worker(name, config.state_dir, config.run_dir, front, setup).run()
    return 0


class GatePages:
    """The pages of a running gate, made again where configuration or desk say something else of them."""

    def __init__(self, front: GateFront, settings: Settings) -> None:
        self._front, self._shown = front, settings

    def take(self, _running: Config, wanted: Config) -> None:
        """Show what pages name now; the front stays.   Raises ValueError: the pages before stay"""
        settings = page_settings_of(wanted)
        if settings != self._shown:
            self._front.use_pages(pages_of(settings))
            self._shown = settings


def pages_of(settings: Settings) -> Pages:
    """The page that is injected, by its first language and reason; the operator's first language first."""
    codes = [language.code for language in languages(settings.first_language)]
    told = [reason for reason in Reason if word(reason) in REASON_GROUPS]
    return {code: {reason: canned_page(word(reason), settings, code) for reason in told} for code in codes}
