import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from mgmt import schema as tables
from mgmt.auth import create_token
from parental import store
from parental.database import writing


def test_no_table_of_records_has_room_for_a_person_or_for_what_was_asked() -> None:
    columns = set(tables.blocks.c.keys()) | set(tables.csam_counts.c.keys())

    assert columns & {"subscriber", "address", "ip", "qname", "sni", "host", "url", "name", "label"} == set()


def test_what_belongs_to_a_subscriber_goes_with_it_and_the_orders_stay(engine: Engine) -> None:
    with writing(engine) as conn:
        create_token(conn, "parent", 7)
        create_token(conn, "operator")
        store.delete_subscriber(conn, 7)

        assert conn.execute(select(tables.tokens.c.role)).scalars().all() == ["operator"]


@pytest.mark.services
def test_the_tables_can_be_made_whoever_is_imported_first(tmp_path: Path) -> None:
    program = (
        "import mgmt.schema; from pathlib import Path; from parental.database import open_database; "
        f"open_database(Path({str(tmp_path / 'x.db')!r})).dispose()"
    )

    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
