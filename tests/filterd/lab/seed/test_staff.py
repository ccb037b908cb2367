from datetime import UTC, datetime

from support.system.seeded import Life

from filterd.lab.seed.staff import DESK, ISSUERS
from mgmt.web.kit.auth import find_principal


def test_five_people_of_the_desk_have_the_role_and_the_issuer_that_they_are_said_to_have(life: Life) -> None:
    found = {who: find_principal(life.conn, life.filled.tokens[who], datetime.now(UTC)) for who in DESK}

    assert {who: (*each.roles, each.issuer) for who, each in found.items() if each is not None} == DESK
    assert (len(DESK), len(ISSUERS)) == (5, 2)
