"""Web proposes, control decides: who may import what writes down that an order is in force."""

import re
from collections.abc import Callable
from pathlib import Path

DECISIONS = re.compile(
    r"^\s*(?:from|import) mgmt\.(?:orders\.decisions|staff\.approvals\.settlement)\b|"
    r"^\s*from mgmt\.(?:orders|staff\.approvals) import .*\b(?:decisions|settlement)\b",
    re.MULTILINE,
)
DECIDERS = ("mgmt/orders/decisions.py", "mgmt/staff/approvals/settlement.py")
MAY = (
    *DECIDERS,
    "filterd/control/",
    "filterd/images/lists/order_rails.py",
    "filterd/lab/seed/orders.py",
)  # the last plays control
# Columns that say what is in force, as a statement of SQLAlchemy would set them.
WRITES = re.compile(
    r"\.values\([^)]*\b(?:status|generation|enforced_ms|receipt|withdrawal_receipt|approval|lapsed_ms)="
)

Files = Callable[..., list[Path]]


def test_nothing_but_the_control_role_imports_what_decides_on_orders_and_approvals(root: Path, files: Files) -> None:
    found = [
        str(path)
        for path in files(".py", under=("fastpath", "rules", "parental", "dns", "mgmt", "filterd"))
        if DECISIONS.search((root / path).read_text())
    ]

    assert found and [path for path in found if not path.startswith(MAY)] == []


def test_nothing_else_below_mgmt_orders_approvals_and_api_writes_what_is_in_force(root: Path, files: Files) -> None:
    rooms = ("mgmt/orders", "mgmt/staff/approvals", "mgmt/web/api")
    of_web = [
        path for path in files(".py", under=("mgmt",)) if str(path).startswith(rooms) and str(path) not in DECIDERS
    ]

    assert [str(path) for path in of_web if WRITES.search((root / path).read_text())] == []
