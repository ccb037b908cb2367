"""The floor of the product half: database, ledger, pages; at the size of a large provider.

events_per_s, verify_1m_s and their companions    bench/ledger_speed.py
splash_per_s, splash_flood_tap_ms and theirs      bench/splash_speed.py
api_pages_per_s               bench/api_speed.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.api_speed import api_figures
from bench.ledger_speed import ledger_figures
from bench.splash_speed import splash_figures


def figures() -> dict[str, float]:
    return {**ledger_figures(), **splash_figures(), **api_figures()}
