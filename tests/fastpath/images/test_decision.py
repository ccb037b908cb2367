from support.images.opened import Images

from fastpath.images.decision import Decision, Match
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire


def test_a_decision_names_list_rule_and_order(images: Images) -> None:
    tables = TableSet(images.names([("orders", "order.test", Mode.SUBTREE, 255, 7)]))

    decision = tables.decide(to_wire(b"www.order.test"), None, 0)

    assert isinstance(decision, Decision)
    assert (decision.list, decision.rule, decision.mode, decision.order) == ("orders", "order.test", Mode.SUBTREE, 7)


def test_a_match_of_a_confidential_list_names_no_rule(images: Images) -> None:
    tables = TableSet(images.names([("csam", "secret.test", Mode.EXACT)]))

    (match,) = tables.matches(to_wire(b"secret.test"))

    assert isinstance(match, Match)
    assert (match.list, match.rule) == ("csam", None)
