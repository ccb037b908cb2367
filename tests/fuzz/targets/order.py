"""Any body is an order whose every entry is judged, or a problem that can be sent and says where."""

from mgmt.contract.errors import BadRequest
from mgmt.orders.base.judge import judge_entries, parse_order
from mgmt.orders.base.model import EntryStatus, is_url, name_text
from mgmt.web.kit.problems import problem_of
from rules.base.protected import ProtectedNames

NOTHING = ProtectedNames()


def check(data: bytes) -> None:
    try:
        order = parse_order(data)
    except BadRequest as refusal:
        problem = problem_of(refusal)
        assert problem.status in (400, 422) and problem.where and problem.detail
        assert problem.response().body
        return
    assert order.issuer and order.ref and order.ground and order.entries and len(order.sha256) == 32
    judged = list(judge_entries(order, NOTHING))
    assert [(entry.number, entry.value) for entry in judged] == [
        (number, value) for number, (value, _) in enumerate(order.entries, 1)
    ]
    for entry in judged:
        assert entry.status in EntryStatus and entry.status not in (EntryStatus.ENFORCED, EntryStatus.WITHDRAWN)
        assert entry.reason or entry.status == EntryStatus.PENDING
        wire = entry.wire
        assert wire is None or len(name_text(wire)) == len(wire) - (0 if is_url(wire) else 2)
