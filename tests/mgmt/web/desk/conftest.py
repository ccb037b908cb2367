"""People before the desk, by their role."""

import pytest
from sqlalchemy import Engine
from support.mgmt.staff_desk import AddPerson, Browser, Come


@pytest.fixture
def come(browser: Browser, engine: Engine, add: AddPerson) -> Come:
    """come("approver") is a new person of that role, who has just signed in."""

    def make(role: str, name: str = "") -> None:
        browser.come_as(engine, add(name or role, role)[0])

    return make
