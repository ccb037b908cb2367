"""A quarter that was made public."""

import pytest
from sqlalchemy import Engine
from support.mgmt.confirmed import SIGNER
from support.mgmt.published import published
from support.mgmt.transparent import AT, statement_of

from mgmt.registers.transparency.releases import put_release
from parental.store.database import writing


@pytest.fixture
def public(engine: Engine) -> None:
    """The third quarter of 2026 and its statistics are public."""
    with writing(engine) as conn:
        published(conn)
        put_release(conn, statement_of(), SIGNER, AT)
