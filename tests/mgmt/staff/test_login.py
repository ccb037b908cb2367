import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.staff_desk import PASSWORD, AddPerson, code_at

from mgmt.staff.attempts import CODES_WINDOW_S, FREE, SLOW_AFTER, WRONG_CODES
from mgmt.staff.login import MAX_WAITING, Login, LoginAttempt, Wait, enrol, owner_of_code
from mgmt.staff.passwords import totp_text
from mgmt.staff.secret_box import SecretBox
from parental.store.database import reading, writing
from parental.store.schema.staff import staff_passwords

MAIL = "amna@isp.example"
LATER = NOW.replace(minute=NOW.minute + 1)  # the code of the enrolment is used


class Monotonic:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
async def login(engine: Engine, monotonic: Monotonic) -> AsyncIterator[Login]:
    yield Login(engine, SecretBox(bytes(32)), monotonic)


@pytest.fixture
async def secret(login: Login, engine: Engine, add: AddPerson) -> str:
    """The secret of the codes of somebody who has enrolled."""
    _, code = add()
    with writing(engine) as conn:
        secret = totp_text(owner_of_code(conn, login.box, code, NOW)[1])
    await enrol(login, code, PASSWORD, code_at(secret, NOW), NOW)
    return secret


def tried(secret: str, **other: str) -> LoginAttempt:
    said = {"mail": MAIL, "password": PASSWORD, "code": code_at(secret, LATER), "client": "192.0.2.1", **other}
    return LoginAttempt(**said, before="")


async def test_the_secret_of_the_codes_is_sealed_in_the_database(engine: Engine, secret: str, login: Login) -> None:
    with reading(engine) as conn:
        row = conn.execute(select(staff_passwords)).one()

    opened = login.box.open(row.totp, row.staff)
    assert opened is not None and totp_text(opened) == secret and opened not in row.totp


async def test_a_desk_with_another_key_signs_nobody_in(engine: Engine, secret: str) -> None:
    assert await Login(engine, SecretBox(b"k" * 32)).sign_in(tried(secret), LATER) is None


async def test_a_stranger_at_other_addresses_does_not_keep_the_owner_out(
    login: Login, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = []

    async def sleep(s: float) -> None:
        slept.append(s)

    for stranger in range(SLOW_AFTER):
        login.attempts.failed(f"198.51.100.{stranger}", MAIL, login.clock_s())
    monkeypatch.setattr("mgmt.staff.login.asyncio.sleep", sleep)

    assert await login.sign_in(tried(secret), LATER) is not None
    assert slept == [2.0]


async def test_a_client_that_was_wrong_waits_before_anything_is_looked_up(login: Login, secret: str) -> None:
    for _ in range(FREE):
        login.attempts.failed("192.0.2.1", MAIL, login.clock_s())

    with pytest.raises(Wait):
        await login.sign_in(tried(secret), LATER)
    assert await login.sign_in(tried(secret, client="192.0.2.2"), LATER) is not None


async def test_who_has_the_password_guesses_no_code(
    login: Login, secret: str, engine: Engine, monotonic: Monotonic
) -> None:
    for client in range(WRONG_CODES):
        assert await login.sign_in(tried(secret, code="000000", client=f"192.0.2.{client + 9}"), LATER) is None

    assert await login.sign_in(tried(secret, client="192.0.2.2"), LATER) is None
    monotonic.now_s += CODES_WINDOW_S
    assert await login.sign_in(tried(secret), LATER) is not None
    with reading(engine) as conn:
        assert [each["action"] for each in events_of(conn, "staff")][-2:] == ["codes refused for an hour", "signed in"]


async def test_wrong_passwords_do_not_count_against_the_codes(login: Login, secret: str) -> None:
    for client in range(WRONG_CODES + 1):
        wrong = tried(secret, password="another password", code="000000", client=f"192.0.2.{client + 9}")
        assert await login.sign_in(wrong, LATER) is None

    assert await login.sign_in(tried(secret), LATER) is not None


async def test_of_two_sign_ins_with_one_code_at_once_one_counts(login: Login, secret: str) -> None:
    found = await asyncio.gather(*(login.sign_in(tried(secret), LATER) for _ in range(2)))

    assert sum(cookie is not None for cookie in found) == 1


async def test_so_many_hashes_wait_and_the_next_is_told_to_come_again(login: Login) -> None:
    hold = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        asyncio.run_coroutine_threadsafe(hold.wait(), loop).result(30)

    waiting = [asyncio.ensure_future(login.hashed(work)) for _ in range(MAX_WAITING)]  # noqa: TID251
    await asyncio.sleep(0)

    with pytest.raises(Wait):
        await login.hashed(lambda: None)
    hold.set()
    await asyncio.gather(*waiting)
