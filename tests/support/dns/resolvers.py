"""Real resolvers and filterd's DNS front, each with one response policy zone, one port and one upstream.

They run in the network namespace of the thread that starts them.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.dns import load as asking
from support.dns.rpz_zones import APEX

from dns.base.endpoints import Endpoint
from dns.front.answers import AnswerPolicy
from dns.front.front import serve
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.lab.patience import Patience

IMPORTED_FROM = (Path(__file__).parents[3], Path(__file__).parents[2])
HOST = "127.0.0.1"
UPSTREAM = (HOST, 5300)
READY_S, STOPPED_S = 180, 30
LOADED = {"bind": "reload done: success"}  # in the log of one that answers before its policy is complete
UNLISTED = b"\5ready\7example\0"  # a name that no zone here speaks of

UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {host}@{port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  outgoing-range: 4096
  num-queries-per-thread: 2048
  so-rcvbuf: 4m
  module-config: "respip iterator"
  qname-minimisation: no
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
remote-control:
  control-enable: no
rpz:
  name: {apex}.
  zonefile: {zone}
forward-zone:
  name: "."
  forward-addr: {host}@{upstream}
"""

BIND = """
options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }};
  recursion yes;
  allow-query {{ any; }};
  forward only;
  forwarders {{ {host} port {upstream}; }};
  dnssec-validation no;
  empty-zones-enable no;
  recursive-clients 10000;
  minimal-responses yes;
  response-policy {{ zone "{apex}"; }} qname-wait-recurse no nsip-enable no nsdname-enable no;
}};
controls {{ }};
logging {{ channel here {{ stderr; }}; category default {{ here; }}; category rpz {{ null; }}; }};
zone "{apex}" {{ type primary; file "{zone}"; allow-query {{ none; }}; }};
"""

RECURSOR = """
incoming:
  listen: ["{host}:{port}"]
  allow_from: ["127.0.0.0/8"]
outgoing:
  dont_query: []
dnssec:
  validation: "off"
logging:
  loglevel: 3
recursor:
  socket_dir: "{folder}"
  threads: 1
  security_poll_suffix: ""
  serve_rfc1918: false
  serve_rfc6303: false
  forward_zones_recurse: [{{zone: ".", forwarders: ["{host}:{upstream}"]}}]
  rpzs: [{{name: "{zone}", policyName: "{apex}"}}]
"""

PORTS = {"unbound": 5301, "bind": 5302, "recursor": 5303, "filterd": 5304}
PROGRAMS = {"unbound": "unbound", "bind": "named", "recursor": "pdns_recursor"}
TEXTS = {"unbound": ("unbound.conf", UNBOUND), "bind": ("named.conf", BIND), "recursor": ("recursor.yml", RECURSOR)}


@contextlib.contextmanager
def running(zone: Path, image: Path, folder: Path) -> Iterator[dict[str, asking.Address]]:
    """Run the upstream, the resolvers on `zone` and filterd on `image` until the block ends; gives where each is."""
    with contextlib.ExitStack() as stack:
        start("upstream", [sys.executable, "-m", asking.__name__, *map(str, UPSTREAM)], folder, stack)
        started = {engine: start(engine, command(engine, zone, folder), folder, stack) for engine in TEXTS}
        started["filterd"] = start("filterd", filterd_command(image, folder), folder, stack)
        addresses = {engine: (HOST, PORTS[engine]) for engine in started}
        for engine, process in started.items():
            wait_for(addresses[engine], process, folder / f"{engine}.log", UNLISTED, _is_free)
        yield addresses


def command(engine: str, zone: Path, folder: Path) -> list[str]:
    """The program in the foreground; it says on standard error what it has to say."""
    name, text = TEXTS[engine]
    own = folder / engine
    own.mkdir()
    config = own / name
    config.write_text(
        text.format(folder=own, host=HOST, port=PORTS[engine], upstream=UPSTREAM[1], zone=zone, apex=APEX)
    )
    arguments = {
        "unbound": ["-d", "-p", "-c", str(config)],
        "bind": ["-f", "-n", "1", "-c", str(config)],
        "recursor": [f"--config-dir={own}", "--daemon=no"],
    }
    return [PROGRAMS[engine], *arguments[engine]]


def filterd_command(image: Path, folder: Path) -> list[str]:
    """filterd's DNS front alone, on one image of names."""
    return [sys.executable, "-m", "support.dns.resolvers", str(image), str(folder)]


def start(name: str, argv: list[str], folder: Path, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Start a program until the stack is left; what it says goes to folder/NAME.log."""
    with (folder / f"{name}.log").open("wb") as log:
        env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, IMPORTED_FROM))}
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
    stack.callback(process.wait, STOPPED_S)
    stack.callback(process.terminate)
    return process


def wait_for(
    server: asking.Address,
    process: subprocess.Popen[bytes],
    log: Path,
    name: bytes,
    is_ready: Callable[[asking.Answer], bool],
) -> None:
    """Until it answers for `name` as it should, and all of its policy is loaded."""
    patience = Patience(READY_S)
    while process.poll() is None and not patience.is_over():
        answer = asking.ask_all(server, [(name, asking.A)], 0.2, rounds=1)[0]
        if answer is not None and is_ready(answer) and LOADED.get(log.stem, "") in log.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{log.stem} did not come up:\n{log.read_text()[-4000:]}")


def _is_free(answer: asking.Answer) -> bool:
    return answer.addresses == {asking.ANYBODYS[asking.A]}


def _serve(image: str, folder: str) -> None:
    """filterd's front, on one image."""
    tables = TableSet(open_image(image, ImageKind.NAMES))
    here, upstream = Endpoint(HOST, PORTS["filterd"]), Endpoint(*UPSTREAM)
    asyncio.run(serve([here], [upstream], tables, AnswerPolicy(), 1, Path(folder)))


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
