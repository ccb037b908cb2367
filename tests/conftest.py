"""Fixtures for every tier."""

from pathlib import Path

import pytest
from support.images.opened import Images


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)
