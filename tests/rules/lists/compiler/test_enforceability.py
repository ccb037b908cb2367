import pytest

from rules.base.canonical import BAD_LABEL, ENDS_IN_NUMBER, IS_ADDRESS
from rules.base.prefixes import NOT_PUBLIC
from rules.base.protected import PROTECTED
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX
from rules.formats.columns import ASKS_TO_UNBLOCK
from rules.formats.stix import IS_EXPIRED, IS_REVOKED
from rules.lists.compiler.enforceability import Enforceability, enforceability_of


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (PROTECTED, "refused_protected"),
        (ICANN_SUFFIX, "refused_protected"),
        (NOT_PUBLIC, "refused_protected"),
        (PRIVATE_SUFFIX, "pending_review"),
        (IS_ADDRESS, "not_enforceable_at_this_layer"),
        (BAD_LABEL, "invalid"),
        (ENDS_IN_NUMBER, "invalid"),
        (IS_REVOKED, "withdrawn"),
        (IS_EXPIRED, "expired"),
        (ASKS_TO_UNBLOCK, "pending_review"),
        ("a reason of tomorrow", "invalid"),
    ],
)
def test_each_reason_has_one_state(reason: str, state: str) -> None:
    assert enforceability_of(reason) == Enforceability(state)
