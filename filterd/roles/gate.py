"""The gate role: one packet queue, or one worker of a tap, under a worker's control side."""

from pathlib import Path

from fastpath.images.verdict import Reason
from filterd.config import Config
from filterd.config.web_settings import settings_of
from filterd.gate.front import GateFront, Pages
from filterd.lookup.words import word
from filterd.places import UNFINISHED
from filterd.process.worker import Worker, make_reporter
from filterd.process.worker_setup import WorkerSetup
from mgmt.settings import Settings
from mgmt.splash.canned import REASON_GROUPS, canned_page
from mgmt.text.language import languages


async def live(config: Config, config_file: Path, index: int) -> int:
    """Judge the packets of queue first_queue + index, or a share of a tap's, until SIGTERM."""
    name = f"gate-{index}"
    reporter = make_reporter(config.state_dir, config.run_dir, name)
    pages = pages_of(settings_of(config))
    is_shut = config.when_no_images == "closed"
    unfinished = config.run_dir / name / UNFINISHED
    front = GateFront(config.gate.first_queue + index, config.gate, pages, reporter, unfinished, is_shut)
    await Worker(name, config.state_dir, config.run_dir, front, WorkerSetup("gate", config, config_file)).run()
    return 0


def pages_of(settings: Settings) -> Pages:
    """The page that is injected, by its first language and reason; the operator's first language first."""
    codes = [language.code for language in languages(settings.first_language)]
    told = [reason for reason in Reason if word(reason) in REASON_GROUPS]
    return {code: {reason: canned_page(word(reason), settings, code) for reason in told} for code in codes}
