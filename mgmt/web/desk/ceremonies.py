"""/desk/passkey: what the desk's script asks, to make a passkey and to sign in with one.  JSON in and out.

Invariants: a challenge is for one purpose and one person and counts once; a passkey is made with a code to enrol, or by
a person who has signed in only just now.
"""

from collections.abc import Mapping

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from mgmt.staff.login import PASSKEY, begin
from mgmt.staff.passkeys import (
    BadResponse,
    Party,
    challenge_in,
    creation_options,
    is_known,
    put_passkey,
    request_options,
    use_passkey,
)
from mgmt.staff.people import Person, Unfit, end_code, person_of_code
from mgmt.web.desk.frame import DESK, FRAME, PATH
from mgmt.web.kit.app_context import CLOCK, read, write
from mgmt.web.kit.body import BODY_S, MAX_BODY_OCTETS, read_body
from mgmt.web.kit.forms import is_from_here
from mgmt.web.kit.problems import Problem

SIGN_IN = "sign in"


class CeremonyRequest(msgspec.Struct):
    """What the script says: who it is, by a code or a form token, and what the authenticator has answered.

    number  of what is signed"""

    code: str = ""
    csrf: str = ""
    label: str = ""
    response: str = ""
    number: int = 0


def add_ceremonies(app: web.Application) -> None:
    """Put the routes into an application that has the desk's pages."""
    app.router.add_post(PATH + "/passkey/login/options", login_options)
    app.router.add_post(PATH + "/passkey/login", log_in)
    app.router.add_post(PATH + "/passkey/new/options", new_options)
    app.router.add_post(PATH + "/passkey/new", make)


async def login_options(request: web.Request) -> web.Response:
    """POST /desk/passkey/login/options"""
    party = party_of(request)
    await asked_of(request)
    challenge = request.app[DESK].challenges.make(SIGN_IN, _now_s(request))
    return json_answer(request_options(party, challenge))


async def log_in(request: web.Request) -> web.Response:
    """POST /desk/passkey/login"""
    party, asked, now = party_of(request), await asked_of(request), request.app[CLOCK]()
    challenge = _challenge(request, asked, SIGN_IN)
    before = FRAME.secret_of(request)

    def work(conn: Connection) -> str | None:
        used = use_passkey(conn, party, asked.response, challenge, now)
        if used.person is None or not request.app[DESK].challenges.spend(challenge):
            return None
        return begin(conn, used.person, PASSKEY, before, now)

    # Read first: a stranger's key costs no writer's turn.
    is_ours = await read(request, lambda conn: is_known(conn, asked.response))
    secret = await write(request, work) if is_ours else None
    if secret is None:
        raise refused("this passkey does not open the desk; not signed in; use another one")
    return FRAME.give_session(request, json_answer({"location": PATH}), secret)


async def new_options(request: web.Request) -> web.Response:
    """POST /desk/passkey/new/options"""
    party, asked = party_of(request), await asked_of(request)
    person = await _who(request, asked)
    challenge = request.app[DESK].challenges.make(_purpose(person), _now_s(request))
    return json_answer(await read(request, lambda conn: creation_options(conn, party, person, challenge)))


async def make(request: web.Request) -> web.Response:
    """POST /desk/passkey/new"""
    party, asked, now = party_of(request), await asked_of(request), request.app[CLOCK]()
    person = await _who(request, asked)
    challenge = _challenge(request, asked, _purpose(person))

    def work(conn: Connection) -> None:
        if asked.code and person_of_code(conn, asked.code, now) is None:
            raise Unfit("code: it was used meanwhile; nothing set; ask who it was")
        put_passkey(conn, party, person, asked.response, challenge, asked.label, now)
        end_code(conn, person.number)

    try:
        await write(request, work)
    except (BadResponse, Unfit) as reason:
        raise Problem(422, str(reason), "response") from reason
    request.app[DESK].challenges.spend(challenge)
    return json_answer({"location": PATH})


async def asked_of(request: web.Request) -> CeremonyRequest:
    """Raises Problem: it is not from our page, or no JSON."""
    if not is_from_here(request):
        raise refused("the request came from another page; nothing done; open the desk itself")
    body = await read_body(request, MAX_BODY_OCTETS, BODY_S)
    try:
        return msgspec.json.decode(body, type=CeremonyRequest)
    except msgspec.DecodeError as reason:  # a ValidationError, too
        raise Problem(400, f"{reason}; nothing done; load the page again", "body") from reason


async def _who(request: web.Request, asked: CeremonyRequest) -> Person:
    """Who may make a passkey: the owner of a code, or of a session that is new.   Raises Problem."""
    now = request.app[CLOCK]()
    if asked.code:
        person = await read(request, lambda conn: person_of_code(conn, asked.code, now))
    else:
        session = await FRAME.allowed(request, asked.csrf)
        person = session.person if session is not None and session.is_fresh(now) else None
    if person is None:
        raise refused("no code that counts, and no sign-in of just now; nothing done; sign in again")
    return person


def _challenge(request: web.Request, asked: CeremonyRequest, purpose: str) -> bytes:
    """The challenge that was answered, where it is ours.   Raises Problem."""
    try:
        challenge = challenge_in(asked.response)
    except BadResponse as reason:
        raise Problem(422, str(reason), "response") from reason
    if not request.app[DESK].challenges.is_good(challenge, purpose, _now_s(request)):
        raise refused("this took too long, or was done before; nothing done; try again")
    return challenge


def party_of(request: web.Request) -> Party:
    """Who we are.   Raises Problem: there are no passkeys here."""
    party = request.app[DESK].party
    if party is None:
        raise Problem(404, "no origin of the desk is configured; no passkeys; set /api/desk_origin", "request")
    return party


def _purpose(person: Person) -> str:
    return f"new of {person.number}"


def _now_s(request: web.Request) -> float:
    return request.app[CLOCK]().timestamp()


def refused(detail: str) -> Problem:
    """403, with the reason."""
    return Problem(403, detail, "request")


def json_answer(said: Mapping[str, object]) -> web.Response:
    """What the script reads."""
    return web.Response(body=msgspec.json.encode(said), content_type="application/json", headers=FRAME.headers)
