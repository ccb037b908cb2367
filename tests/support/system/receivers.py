"""Who takes messages of alarms: a mail server, by aiosmtpd, and a webhook; both on the loopback, with TLS."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from sqlalchemy import Engine
from support.control.box import database_key
from support.system.certificates import make_certificate
from support.system.ports import free_port

from filterd.box.places import database_file
from filterd.config import Config, load
from parental.store.database import open_database
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import CONTROL, LEDGER

USER, PASSWORD = "filterd", "a long password"
SAID = """
state_dir: state
run_dir: run
dns: {{upstreams: ["192.0.2.53:53"]}}
{database}orders:
  deadlines: [{{within: 10h}}]
  mail: {{server: "localhost:{port}", sender: f@isp.example, user: {user}, password: password, ca: "{mail_ca}"}}
  contacts:
    - {{role: compliance, mail: desk@isp.example}}
    - {{role: engineer, webhook: "{url}", ca: "{hook_ca}"}}
"""


class MailServer:
    """Takes mails over STARTTLS from who signs in.   answer  what it says to a mail;   has_some  set by the first"""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = make_certificate(folder, "localhost")
        self.mails: list[EmailMessage] = []
        self.answer, self.has_some = "250 taken", threading.Event()
        self.port = free_port()
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self.certificate, key)

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=default))
            self.has_some.set()
        return self.answer

    @contextmanager
    def running(self) -> Iterator["MailServer"]:
        controller = Controller(  # not before: it begins with an event loop
            self,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=self._context,
            require_starttls=True,
            auth_required=True,
            authenticator=_authenticate,
        )
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


def _authenticate(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))


@dataclass
class Hook:
    """A webhook.   status  what it answers;   taken  (headers, body) of each request;   url  where it is

    before_answer  what it waits for"""

    url: str
    certificate: Path
    status: int = 204
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    before_answer: Callable[[], object] = field(default=lambda: None)


@contextmanager
def webhook(folder: Path) -> Iterator[Hook]:
    """One that speaks HTTPS."""
    certificate, key = make_certificate(folder, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.taken.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            hook.before_answer()
            self.send_response(hook.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    hook = Hook(f"https://localhost:{server.server_port}/alarms?box=gw1", certificate)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Box:
    """A box that sends to both.   file  of the configuration;   engine, control, records  its database, as who"""

    config: Config
    file: Path
    engine: Engine
    control: Engine
    records: Engine
    mails: MailServer
    hook: Hook


@contextmanager
def box_with_receivers(folder: Path, database: Where) -> Iterator[Box]:
    """A box with a database, a mail server and a webhook, which its configuration names."""
    folders = [folder / name for name in ("state", "run", "mails", "hook")]
    for each in folders:
        each.mkdir()
    (folder / "state/keys").mkdir()
    (folder / "password").write_text(PASSWORD)
    with MailServer(folders[2]).running() as mails, webhook(folders[3]) as hook:
        said = SAID.format(
            database=database_key(database),
            port=mails.port,
            user=USER,
            mail_ca=mails.certificate,
            url=hook.url,
            hook_ca=hook.certificate,
        )
        (folder / "f.yaml").write_text(said)
        where = database if isinstance(database, str) else database_file(folder / "state")
        engines = open_database(where), engine_of(where, CONTROL), engine_of(where, LEDGER)
        yield Box(load(folder / "f.yaml"), folder / "f.yaml", *engines, mails, hook)
        for opened in engines:
            opened.dispose()
