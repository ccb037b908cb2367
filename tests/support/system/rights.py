"""Tests that need what the kernel lets only some processes do are skipped where it does not, with the reason."""

import pytest

from filterd.box.capabilities import OF_NAMESPACES, Capability, missing_capabilities


def needs(*wanted: Capability) -> pytest.MarkDecorator:
    """A mark: skipped without these capabilities."""
    missing = ", ".join(each.word for each in missing_capabilities(wanted))
    return pytest.mark.skipif(missing != "", reason=f"needs {missing}, which this process has not")


def skip_without_namespaces() -> None:
    """Skip the running test where no network namespace can be made."""
    if missing := missing_capabilities(OF_NAMESPACES):
        words = ", ".join(each.word for each in missing)
        pytest.skip(f"a network namespace needs {words}, which this process has not")
