"""What the probe has seen, one value for each question, as it crosses from one process to the other."""

from typing import Final

from msgspec import Struct

# kinds of what was seen
ANSWER: Final = "answer"  # DNS: any
ARRIVED: Final = "arrived"  # the sink has it, octet for octet
RESET: Final = "reset"
PAGE: Final = "page"  # another than the sink has answered over HTTP
PROHIBITED: Final = "prohibited"  # ICMP said so
SILENCE: Final = "silence"
NO_PATH: Final = "no_path"  # no connection: nothing was asked
FAULT: Final = "fault"  # what came back cannot be read


class Observation(Struct, frozen=True, omit_defaults=True):
    """One answer of the world.

    at_ms    when, Unix;   rcode, ede, data  of DNS: data are addresses and names of its answer
    status   of HTTP;   said  what went wrong, for a person"""

    at: int
    kind: str
    at_ms: int
    rcode: int = 0
    ede: list[int] = []
    data: list[str] = []
    status: int = 0
    said: str = ""


class ProbePlan(Struct, frozen=True):
    """What the probe does.

    namespace   its file; "": that of who starts it
    resolvers   family → address;   dns_ports  channel → port
    sinks       family → address;   ports  channel → port
    hops        time to live of what goes to the sink; 0: as the system does
    questions   (at, channel, family, name, target)"""

    namespace: str
    resolvers: dict[int, str]
    dns_ports: dict[str, int]
    sinks: dict[int, str]
    ports: dict[str, int]
    hops: int
    questions: list[tuple[int, str, int, str, str]]
