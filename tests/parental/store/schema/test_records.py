import subprocess
import sys
from pathlib import Path

import pytest

from parental.store.schema import metadata
from parental.store.schema.records import blocks, csam_counts

MODULES = ("access", "base", "lines", "orders", "records", "reports")


def test_no_table_of_records_has_room_for_a_person_or_for_what_was_asked() -> None:
    columns = set(blocks.c.keys()) | set(csam_counts.c.keys())

    assert columns & {"subscriber", "address", "ip", "qname", "sni", "host", "url", "name", "label"} == set()


@pytest.mark.services
@pytest.mark.parametrize("module", MODULES)
def test_all_tables_are_known_whichever_module_is_imported_first(module: str) -> None:
    program = f"import parental.store.schema.{module} as first; print(*sorted(first.metadata.tables))"

    said = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[4], capture_output=True, text=True
    )

    assert said.stdout.split() == sorted(metadata.tables)
