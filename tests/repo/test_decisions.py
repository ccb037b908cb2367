"""Web proposes, control decides: who may import what writes down that an order is in force."""

import re
from collections.abc import Callable
from pathlib import Path

DECISIONS = re.compile(r"^\s*(?:from mgmt\.orders(?:\.decisions)? import .*\bdecisions\b|from mgmt\.orders\.decisions|import mgmt\.orders\.decisions)", re.MULTILINE)  # fmt: skip  # noqa: E501
MAY = ("filterd/control/", "filterd/lists/order_rails.py", "filterd/lab/seed/orders.py")  # the last plays control
# Columns that say what is in force, as a statement of SQLAlchemy would set them.
WRITES = re.compile(
    r"\.values\([^)]*\b(?:status|generation|enforced_ms|receipt|withdrawal_receipt|approval|lapsed_ms)="
)

Files = Callable[..., list[Path]]


def test_nothing_but_the_control_role_imports_what_decides_on_orders(root: Path, files: Files) -> None:
    found = [
        str(path)
        for path in files(".py", under=("fastpath", "rules", "parental", "dns", "mgmt", "filterd"))
        if DECISIONS.search((root / path).read_text())
    ]

    assert found and [path for path in found if not path.startswith(MAY)] == []


def test_nothing_else_below_mgmt_orders_and_api_writes_what_is_in_force(root: Path, files: Files) -> None:
    of_web = [
        path
        for path in files(".py", under=("mgmt",))
        if str(path).startswith(("mgmt/orders", "mgmt/web/api")) and path.name != "decisions.py"
    ]

    assert [str(path) for path in of_web if WRITES.search((root / path).read_text())] == []
