"""A box with a database, a mail server and a webhook."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.control.box import database_key
from support.system.receivers import PASSWORD, USER, Box, MailServer, webhook

from filterd.box.places import database_file
from filterd.config import load
from parental.schema.privileges import CONTROL, LEDGER
from parental.store.database import open_database
from parental.store.engines import Where, engine_of

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


@pytest.fixture
def box(tmp_path: Path, database: Where) -> Iterator[Box]:
    folders = [tmp_path / name for name in ("state", "run", "mails", "hook")]
    for each in folders:
        each.mkdir()
    (tmp_path / "state/keys").mkdir()
    (tmp_path / "password").write_text(PASSWORD)
    with MailServer(folders[2]).running() as mails, webhook(folders[3]) as hook:
        said = SAID.format(
            database=database_key(database),
            port=mails.port,
            user=USER,
            mail_ca=mails.certificate,
            url=hook.url,
            hook_ca=hook.certificate,
        )
        (tmp_path / "f.yaml").write_text(said)
        where = database if isinstance(database, str) else database_file(tmp_path / "state")
        engines = open_database(where), engine_of(where, CONTROL), engine_of(where, LEDGER)
        yield Box(load(tmp_path / "f.yaml"), tmp_path / "f.yaml", *engines, mails, hook)
        for opened in engines:
            opened.dispose()
