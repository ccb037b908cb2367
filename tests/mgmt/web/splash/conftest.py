from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from support.mgmt.desk import Clock, PlayedReasons
from support.mgmt.splash_page import CLOSINGS

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.splash.app import create_splash


@pytest.fixture
def reasons() -> PlayedReasons:
    played = PlayedReasons()
    played.closings = dict(CLOSINGS)
    return played


@pytest.fixture
async def splash(settings: Settings, reasons: PlayedReasons, clock: Clock) -> AsyncIterator[Any]:
    """The splash, which takes this machine for a subscriber."""
    of_all = replace(settings, clients=("127.0.0.0/8",))
    async with TestClient(TestServer(create_splash(of_all, reasons, clock))) as client:
        yield client
