"""Real web servers on the loopback, each of which says when it takes octets for a request of a listed host.

A server answers a request whose host, as it understands it, is the listed one or below with SERVED in the body.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from support.system.daemon import eventually
from support.system.ports import free_port
from support.system.web_exchange import ask

LISTED = "blocked.test"
SERVED = b"=served="
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
LIGHTTPD_MODULES = Path("/usr/lib/lighttpd")
PROGRAM = Path(__file__).with_name("web_program.py")
NODE_PROGRAM = Path(__file__).with_name("web_program.js")


@dataclass(frozen=True, slots=True)
class WebServer:
    """How a server is started.

    program     what has to be on this box
    configure   its configuration for a folder and a port
    command     its arguments, with the configuration's path"""

    program: str
    configure: Callable[[Path, int], str]
    command: Callable[[str, Path, int], Sequence[str]]


def _nginx(folder: Path, port: int) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""
daemon off; master_process off; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off; {temporary}
  large_client_header_buffers 4 64k; lingering_close off;
  server {{ listen 127.0.0.1:{port} default_server; return 200 "other"; }}
  server {{ listen 127.0.0.1:{port}; server_name {LISTED} *.{LISTED}; return 200 "{SERVED.decode()}"; }}
}}
"""


def _apache(folder: Path, port: int) -> str:
    modules = ("mpm_event", "authz_core", "alias")
    for name, text in (("other", "other"), ("listed", SERVED.decode())):
        (folder / name).write_text(text)
    loaded = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules)
    return f"""
{loaded}
ServerRoot {folder}
ServerName other.test
PidFile {folder}/pid
ErrorLog /dev/null
Listen 127.0.0.1:{port}
HttpProtocolOptions Unsafe LenientMethods Allow0.9
<VirtualHost *:{port}>
  ServerName other.test
  AliasMatch "^" "{folder}/other"
</VirtualHost>
<VirtualHost *:{port}>
  ServerName {LISTED}
  ServerAlias *.{LISTED}
  AliasMatch "^" "{folder}/listed"
</VirtualHost>
"""


def _lighttpd(folder: Path, port: int) -> str:
    for name, text in (("other", "other"), ("listed", SERVED.decode())):
        (folder / name).mkdir()
        (folder / name / "index.html").write_text(text)
    return f"""
server.modules = ("mod_rewrite")
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}/other"
server.http-parseopts = ("header-strict" => "disable", "host-strict" => "disable", "url-normalize" => "disable")
url.rewrite-once = ("" => "/index.html")
mimetype.assign = ("" => "text/plain")
$HTTP["host"] =~ "(^|[^a-z0-9-]){LISTED}([^a-z0-9.-]|[.]?$)" {{ server.document-root = "{folder}/listed" }}
"""


def _haproxy(folder: Path, port: int) -> str:
    return f"""
global
  maxconn 1000
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
  option accept-invalid-http-request
frontend web
  bind 127.0.0.1:{port}
  acl is_listed hdr_dom(host) -i {LISTED}
  acl is_listed url_reg -i ^[^/]*://([^/]*[.@])?{LISTED}
  http-request return status 200 content-type text/plain string "{SERVED.decode()}" if is_listed
  http-request return status 200 content-type text/plain string "other"
"""


def _caddy(folder: Path, port: int) -> str:
    return f"""
{{
  admin off
  auto_https off
  storage file_system {folder}
}}
http://{LISTED}:{port}, http://*.{LISTED}:{port} {{
  respond "{SERVED.decode()}"
}}
http://:{port} {{
  respond "other"
}}
"""


def _nothing(folder: Path, port: int) -> str:
    return ""


def _python(*kind: str) -> WebServer:
    return WebServer(
        sys.executable, _nothing, lambda program, _, port: [program, str(PROGRAM), str(port), LISTED, *kind]
    )


def _node(*kind: str) -> WebServer:
    return WebServer("node", _nothing, lambda program, _, port: [program, str(NODE_PROGRAM), str(port), LISTED, *kind])


SERVERS = {
    "nginx": WebServer(
        "nginx",
        _nginx,
        lambda program, config, _: [program, "-p", str(config.parent), "-c", str(config), "-e", "stderr"],
    ),
    "apache": WebServer("apache2", _apache, lambda program, config, _: [program, "-DFOREGROUND", "-f", str(config)]),
    "lighttpd": WebServer(
        "lighttpd",
        _lighttpd,
        lambda program, config, _: [program, "-D", "-m", str(LIGHTTPD_MODULES), "-f", str(config)],
    ),
    "haproxy": WebServer("haproxy", _haproxy, lambda program, config, _: [program, "-db", "-q", "-f", str(config)]),
    "caddy": WebServer(
        "caddy",
        _caddy,
        lambda program, config, _: [program, "run", "--adapter", "caddyfile", "--config", str(config)],
    ),
    "node": _node(),
    "node, lenient": _node("lenient"),
    "python": _python("reads"),
    "python, no bodies": _python("leaves"),
    "aiohttp": _python("aiohttp"),
}


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, int]]:
    """Start every server that is on this box.   Gives their ports."""
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        for name, server in SERVERS.items():
            program = shutil.which(server.program, path=PATH)
            if program is not None:
                ports[name] = free_port()
                stack.enter_context(
                    _started(server, program, folder / name.replace(", ", "-").replace(" ", "-"), ports[name])
                )
        for name, port in ports.items():
            eventually(partial(_is_up, port), f"{name} on port {port}")
        yield ports


@contextlib.contextmanager
def _started(server: WebServer, program: str, folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    config = folder / "configuration"
    config.write_text(server.configure(folder, port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(server.command(program, config, port), stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_up(port: int) -> bool:
    [answer] = ask([(port, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % LISTED.encode())], patience_s=2.0, until=SERVED)
    return SERVED in answer
