"""What a process does not import: control and the jobs that compile speak no HTTP."""

import subprocess
import sys

import pytest

WITHOUT_HTTP = (
    "filterd.commands.roles.control",
    "filterd.images.compile",
    "filterd.images.lists.jobs",
    "mgmt.contract.control",
    "mgmt.orders.base.model",
    "mgmt.orders.base.judge",
    "mgmt.orders.store",
    "mgmt.registers.records.block_ledger",
    "parental.store.schema",
)


@pytest.mark.parametrize("module", WITHOUT_HTTP)
def test_a_module_brings_no_http(module: str) -> None:
    code = f"import sys, {module}; print([name for name in sys.modules if name.partition('.')[0] == 'aiohttp'])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "[]\n"
