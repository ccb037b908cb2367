import json
import re
from pathlib import Path

import pytest

from fastpath.report.counter_table import NAMES, TOOK, TOOK_US
from filterd.commands.roles.exporter.families import RCODE, WITHHELD, counter_families, families

ROOT = Path(__file__).parents[5]
PLACES = {
    "version",
    "role",
    "task",
    "worker",
    "upstream",
    "transport",
    "image",
    "part",
    "list",
    "channel",
    "outcome",
    "key",
    "rcode",
    "stream",
}
USED = re.compile(r"filterd_[a-z0-9_]+")


def told() -> set[str]:
    """Every name that a query may have."""
    found = set()
    for family in families():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}[family.kind]
        found |= {family.name + ending for ending in endings}
    return found


def test_every_counter_of_the_table_is_told_once_or_left_out_for_a_reason() -> None:
    alone = {name for name, _ in counter_families()}
    in_parts = {*TOOK, TOOK_US, *(name for name in NAMES if name.startswith(RCODE))}

    assert alone | in_parts | WITHHELD == set(NAMES)
    assert not alone & in_parts and not WITHHELD & (alone | in_parts)


def test_no_two_metrics_have_one_name_and_all_have_help() -> None:
    names = [family.name for family in families()]

    assert len(set(names)) == len(names)
    assert [family.name for family in families() if not family.help.endswith(".")] == []


def test_a_label_is_a_part_of_the_box_and_never_a_person_or_a_name() -> None:
    assert {label for family in families() for label in family.labels} <= PLACES


def test_the_blocks_that_leave_no_record_cannot_be_told_by_counting_records() -> None:
    assert "filterd_events_total" not in told()


@pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
def test_alerts_and_dashboard_ask_for_metrics_that_there_are(file: str) -> None:
    asked = set(USED.findall((ROOT / "docs/prometheus" / file).read_text()))

    assert len(asked) > 10
    assert asked - told() == set()


def test_the_dashboard_is_whole() -> None:
    board = json.loads((ROOT / "docs/prometheus/dashboard.json").read_text())
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]

    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) == len(set(places)) > 10
    assert all(panel["targets"] and panel["title"] for panel in board["panels"])
