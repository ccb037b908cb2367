"""The floor of the product half: database, ledger, pages; at the size of a large provider.

upgrade_1m_s  `filterd db upgrade` of 1,000,000 lines, each with an address, a schedule and two categories, from the
              tables of before there were revisions to the newest: the whole command, in seconds.   Goal: ≤ 60
events_per_s, verify_1m_s and their companions    bench/ledger_speed.py
splash_per_s, splash_flood_tap_ms and theirs      bench/splash_speed.py
api_pages_per_s               bench/api_speed.py
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import insert, text

from bench.api_speed import api_figures
from bench.ledger_speed import ledger_figures
from bench.splash_speed import splash_figures
from filterd.box.places import database_file
from parental.migrations.versions import r0001_before_revisions
from parental.store.database import writing
from parental.store.engines import engine_of
from parental.store.revisions import FIRST, upgrade

N_LINES = 1_000_000
BATCH = 50_000
FIRST_ADDRESS = 10 << 24
BEFORE = r0001_before_revisions.metadata.tables
CONFIG = {"state_dir": "state", "run_dir": "run", "dns": {"upstreams": ["192.0.2.53:53"]}}


def fill(path: Path) -> None:
    """N_LINES lines at the first revision, which nothing notes."""
    upgrade(path, to=FIRST)
    engine = engine_of(path)
    for begin in range(1, N_LINES + 1, BATCH):
        ids = range(begin, begin + BATCH)
        with writing(engine) as conn:
            line = {"zone": "Asia/Karachi", "paused_until_s": 0, "revision": 1}
            conn.execute(insert(BEFORE["subscribers"]), [{"id": n, "label": f"Line {n}", **line} for n in ids])
            octets = [(n, (FIRST_ADDRESS + n).to_bytes(4, "big")) for n in ids]
            held = {"version": 4, "prefix_length": 32}
            conn.execute(
                insert(BEFORE["addresses"]), [{"first": at, "last": at, "subscriber": n, **held} for n, at in octets]
            )
            closed = {"weekday": 0, "start_minute": 1260, "minutes": 600}
            conn.execute(insert(BEFORE["closed_intervals"]), [{"subscriber": n, **closed} for n in ids])
            wanted = [{"subscriber": n, "category": name} for n in ids for name in ("adult", "gambling")]
            conn.execute(insert(BEFORE["blocked_categories"]), wanted)
    with writing(engine) as conn:
        conn.execute(text("DROP TABLE alembic_version"))
    engine.dispose()


def figures() -> dict[str, float]:
    return {**upgrade_1m_s(), **ledger_figures(), **splash_figures(), **api_figures()}


def upgrade_1m_s() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "filterd.yaml").write_text(json.dumps(CONFIG))
        fill(database_file(folder / "state"))
        command = [sys.executable, "-P", "-m", "filterd", "db", "upgrade", "--config", str(folder / "filterd.yaml")]
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=sys.stderr)
        return {"upgrade_1m_s": time.monotonic() - began}
