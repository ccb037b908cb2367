"""Real servers of the laboratory: nginx for names under `.test`, the provider's resolver and a foreign one (unbound).

Every name under `.test` that is not in NAMES does not exist; everything below `many.test` does.  Nothing else exists.
`whoami.test` TXT says which of the two resolvers has answered.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filterd.box.errors import MissingPart
from filterd.lab.addresses import Addresses
from filterd.lab.processes import Place, Running, run, wait_until

NAMES = (
    "allowed.test",
    "blocked.test",
    "listed.test",
    "order.test",
    "third.test",
    "video.test",
    "adult.test",
    "malware.test",
    "1121.test",
    "www.allowed.test",
    "www.blocked.test",
    "www.listed.test",
    "www.order.test",
    "www.video.test",
    "cdn.allowed.test",
    "a.b.c.listed.test",
)
OPEN_ZONE = "many.test"
BIG_OCTETS = 500_000_000
BIG_RATE = "2m"  # octets a second of one connection: a film, and minutes of it
TTL_S = 30
# Reads /big of its own site as players read a film, says how far it is, and begins again where it was stopped.
PLAYER = """\
<!doctype html><title>player</title><script>
async function watch() {
  const reader = (await fetch("/big?" + Date.now())).body.getReader();
  for (let n = 0, piece; !(piece = await reader.read()).done; console.log("octets " + n)) n += piece.value.length;
}
(async () => {
  for (;;) {
    await watch().catch(fault => console.log("stopped " + fault));
    await new Promise(again => setTimeout(again, 500));
  }
})();
</script>
"""


@dataclass(frozen=True, slots=True)
class Internet:
    """The running servers, and the authority that clients must trust."""

    authority: Path
    web: Running
    resolver: Running
    foreign: Running


def start_servers(place: Place) -> Internet:
    """Start all of them in the node `internet` and wait until they answer.   Raises MissingPart, TimeoutError."""
    at = place.addresses
    folder = place.directory / "internet"
    folder.mkdir(parents=True, exist_ok=True)
    authority = make_certificates(folder)
    web = start_web(place, folder)
    resolver = start_resolver(place, "resolver", at.resolver4, at.resolver6)
    foreign = start_resolver(place, "foreign", at.foreign4, at.foreign6)
    return Internet(authority, web, resolver, foreign)


def make_certificates(folder: Path) -> Path:
    """Make an authority and one certificate for every name, by openssl; returns the authority's file.   Cost: 0.1 s."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    subject = ["-subj", "/CN=filterd lab authority"]
    _openssl(["req", "-x509", *key, *subject, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")])
    names = ",".join(f"DNS:{name}" for name in (*NAMES, f"*.{OPEN_ZONE}"))
    extension = ["-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE"]
    signed_by = ["-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key")]
    files = ["-keyout", str(folder / "web.key"), "-out", str(folder / "web.pem")]
    _openssl(["req", "-x509", *signed_by, *key, "-subj", "/CN=allowed.test", *extension, *files])
    return folder / "ca.pem"


def start_web(place: Place, folder: Path) -> Running:
    """Start nginx.   folder: holds the certificate; pages and temporary files go there."""
    pages = folder / "pages"
    pages.mkdir(exist_ok=True)
    with (pages / "big").open("wb") as big:
        big.truncate(BIG_OCTETS)  # sparse: no room on the disk
    (pages / "watch").write_text(PLAYER)
    configuration = folder / "nginx.conf"
    configuration.write_text(web_configuration(place.addresses, folder))
    argv = [_found("nginx"), "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    program = place.popen("internet", argv, "nginx")
    url = f"http://{place.addresses.web4}:{place.addresses.http_port}/"
    _wait_for(place, program, lambda: place.run("internet", ["curl", "-sf", "-m", "2", url]).returncode == 0, "nginx")
    return program


def start_resolver(place: Place, name: str, *addresses: str) -> Running:
    """Start an unbound that calls itself `name` in whoami.test."""
    folder = place.directory / "internet" / name
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "unbound.conf"
    configuration.write_text(resolver_configuration(place.addresses, name, folder, addresses))
    program = place.popen("internet", [_found("unbound"), "-d", "-p", "-c", str(configuration)], f"unbound-{name}")
    server = ["-p", str(place.addresses.upstream_port), f"@{addresses[0]}"]
    question = ["dig", "+time=1", "+tries=1", *server, "allowed.test"]
    _wait_for(place, program, lambda: "NOERROR" in place.run("internet", question).stdout, f"unbound ({name})")
    return program


def web_configuration(at: Addresses, folder: Path) -> str:
    """nginx.conf: one server for every name; it says which name and which host it was asked for."""
    hosts = dict.fromkeys((at.web4, f"[{at.web6}]"))
    listen = "\n".join(
        f"    listen {host}:{at.http_port} default_server;\n    listen {host}:{at.https_port} ssl default_server;"
        for host in hosts
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""
daemon off; master_process off;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log;
  sendfile_max_chunk 128k;
  default_type text/plain;
{temporary}
  server {{
{listen}
    ssl_certificate {folder}/web.pem;
    ssl_certificate_key {folder}/web.key;
    root {folder}/pages;
    location = /big {{ limit_rate {BIG_RATE}; }}
    location = /watch {{ default_type text/html; }}
    location / {{ return 200 "origin sni=$ssl_server_name host=$host\\n"; }}
  }}
}}
"""


def resolver_configuration(at: Addresses, name: str, folder: Path, listen: tuple[str, ...]) -> str:
    """unbound.conf: a recursive resolver whose whole world is the zone `.test`."""
    interfaces = "\n".join(f"  interface: {address}@{at.upstream_port}" for address in listen)
    return f"""
server:
{interfaces}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  num-threads: 1
  module-config: "iterator"
  so-reuseport: no
  local-zone: "." static
  local-data: ". {TTL_S} IN SOA a.test. hostmaster.test. 1 3600 900 86400 {TTL_S}"
  local-zone: "test." static
  local-data: "test. {TTL_S} IN SOA a.test. hostmaster.test. 1 3600 900 86400 {TTL_S}"
  local-data: "whoami.test. {TTL_S} IN TXT {name}"
{chr(10).join(_records(name, at) for name in NAMES)}
  local-zone: "{OPEN_ZONE}." redirect
{_records(OPEN_ZONE, at)}
remote-control:
  control-enable: no
"""


# ----------------------------------------------------------------------------------------------------------------------


def _records(name: str, at: Addresses) -> str:
    return f'  local-data: "{name}. {TTL_S} IN A {at.web4}"\n  local-data: "{name}. {TTL_S} IN AAAA {at.web6}"'


def _wait_for(place: Place, program: Running, answers: Callable[[], bool], what: str) -> None:
    try:
        wait_until(lambda: program.poll() is not None or answers(), what)
    finally:
        if program.poll() is not None:
            ended = f"ended with exit code {program.returncode}"
            raise MissingPart(f"{what}: {ended}; nothing serves; look at its log in {place.directory}/logs")


def _openssl(arguments: list[str]) -> None:
    done = run([_found("openssl"), *arguments])
    if done.returncode != 0:
        raise MissingPart(
            f"openssl {arguments[0]}: {done.stderr.strip()}; no certificate was made; install openssl 3.0"
        )


def _found(program: str) -> str:
    """The path of a program: servers are in sbin, which not everyone has in PATH."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise MissingPart(f"{program}: not on this box; nothing was started; apt-get install {program}")
    return path
