"""A mailbox of Debian's dovecot on the loopback, over TLS."""

import imaplib
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.system.certificates import make_certificate
from support.system.daemon import eventually
from support.system.ports import free_port

PROGRAM = shutil.which("dovecot")
USER, PASSWORD = "pta", "secret"  # of a mailbox that lives as long as a test
CONFIG = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
mail_driver = maildir
mail_path = {folder}/mail
first_valid_uid = 1
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {folder}/mail
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """A running mailbox."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.certificate, self._key = make_certificate(folder, "localhost")
        (folder / "mail").mkdir()
        nobody = pwd.getpwnam("nobody")
        os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
        said = {"folder": folder, "certificate": self.certificate, "key": self._key, "port": self.port}
        (folder / "conf").write_text(CONFIG.format(**said, password=PASSWORD))

    @contextmanager
    def box(self) -> Iterator[imaplib.IMAP4]:
        """The mailbox, as who reads it opens it."""
        tls = ssl.create_default_context(cafile=self.certificate)
        with imaplib.IMAP4_SSL("localhost", self.port, ssl_context=tls, timeout=60) as box:
            box.login(USER, PASSWORD)
            yield box

    def send(self, mail: bytes) -> None:
        """Have a mail lie in the mailbox."""
        with self.box() as box:
            assert box.append("INBOX", "", "", mail)[0] == "OK"

    def mails(self, folder: str) -> list[bytes]:
        """What lies in a folder, oldest first; [] where there is none."""
        with self.box() as box:
            if box.select(folder, readonly=True)[0] != "OK":
                return []
            numbers = box.search(None, "ALL")[1][0].split()
            return [box.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]  # type: ignore[index,misc]

    def is_up(self) -> bool:
        try:
            with self.box():
                return True
        except OSError:
            return False


@contextmanager
def running_dovecot() -> Iterator[Dovecot]:
    """A mailbox that is gone with the block."""
    assert PROGRAM is not None
    folder = Path(tempfile.mkdtemp(prefix="filterd-dovecot-"))
    folder.chmod(0o755)
    try:
        dovecot = Dovecot(folder)
        process = subprocess.Popen([PROGRAM, "-F", "-c", str(folder / "conf")])
        try:
            eventually(dovecot.is_up, "dovecot")
            yield dovecot
        finally:
            process.terminate()
            process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
