"""Fixtures of every tier, and the rule that a test which starts a process belongs to a tier that may."""

from pathlib import Path

import pytest
from support.images.opened import Images

DNS_HEADER_OCTETS = 12


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long octets by their argument: parallel workers must agree on every name, and messages have random IDs."""
    return argname if isinstance(val, bytes) and len(val) >= DNS_HEADER_OCTETS else None


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)
