"""Messages of control.sock: requests by `op`, and their replies; a publication's reply is a Receipt.

Invariants: the keys are the same for every client; `filterd status --json` prints a ControlStatus as it comes.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from filterd.process.box_state import RoleState
from filterd.process.codec import Message, Requests
from filterd.process.messages import Generations, Status, WorkerStatus
from mgmt.contract.control import Cut, Report

Keys = list[str]  # paths of the configuration
MOST_NAMES = 1000  # of a request: each may be 253 octets, and a line 1 MiB
MOST_PREFIXES = 5000
MOST_FAULT = 500  # characters
Count = Annotated[int, Meta(ge=0, le=2**53)]
UNNAMED = "someone"  # who asked, where a request does not say


class OrdersUpdate(Struct, frozen=True, tag_field="op", tag="orders_changed"):
    """Put the orders in force as the database has them now.   Reply: Receipt."""


class PolicyUpdate(Struct, frozen=True, tag_field="op", tag="policy_changed"):
    """Put subscribers, profiles and locks in force as the database has them now.   Reply: Receipt."""


class SettingsUpdate(Struct, frozen=True, tag_field="op", tag="settings_changed"):
    """Show what the desk says of the pages, as the database has it now.   Reply: SettingsReceipt."""


class Explain(Struct, frozen=True, tag_field="op", tag="explain"):
    """What is decided for a name, URL or address, asked by an address?   Reply: Explanation."""

    name: str | None = None
    address: str | None = None
    channel: str = "dns"


class ClosureQuery(Struct, frozen=True, tag_field="op", tag="why_closed"):
    """What the splash may know of a name, asked by an address.   Reply: ClosureReason.

    name   None: what was asked for is no name;   address  None: not known"""

    name: str | None = None
    address: str | None = None


class ExcessQuestions(Struct, frozen=True, tag_field="op", tag="probed"):
    """So many more questions were beyond what one client may ask the splash.   Reply: ExcessQuestions, all of them."""

    questions: int


class ReportMistake(Struct, frozen=True, tag_field="op", tag="report_mistake"):
    """A visitor says that something is blocked by mistake.   name  None: of the law   Reply: FoundReport."""

    reason: str
    name: str | None = None


class PutAppeal(Struct, frozen=True, tag_field="op", tag="put_appeal"):
    """Keep an appeal until it is mailed.   sealed  mgmt.registers.appeals.sealed   Reply: AppealNumber."""

    sealed: bytes


class AppealNumber(Struct, frozen=True):
    """Reply to PutAppeal.   number  None: too many wait"""

    number: str | None


class FindReport(Struct, frozen=True, tag_field="op", tag="find_report"):
    """What became of a report?   Reply: FoundReport, without its name."""

    reference: str


class UseTicket(Struct, frozen=True, tag_field="op", tag="use_ticket"):
    """Use the ticket of a code for what follows the profile of an address.   Reply: TicketOutcome, once it is in
    force."""

    code: str
    address: str


class BeginTime(Struct, frozen=True, tag_field="op", tag="begin_time"):
    """Begin the screen time of what follows the profile of an address.   Reply: ScreenTimeStart, once it is in
    force."""

    address: str


class AskFamily(Struct, frozen=True, tag_field="op", tag="ask_family"):
    """A child asks for minutes, or for a page, from an address.   Reply: RequestStatus."""

    minutes: int | None
    name: str | None
    why: str
    address: str


class Identify(Struct, frozen=True, tag_field="op", tag="identify"):
    """Which profiles do these names of lines stand for?   Reply: IdentifiedProfiles.

    since   a revision: also the names whose profile has changed after it;  -1: none of them"""

    names: Annotated[list[str], Meta(max_length=MOST_NAMES)]
    since: int = -1


class IdentifiedProfiles(Struct, frozen=True):
    """Reply to Identify: profiles by name, as of a revision; a name that no line has is left out.

    lost   another number than before: names were taken away, and what is known of any may be wrong"""

    profiles: dict[str, int]
    revision: int
    lost: int = 0


class SessionsUpdate(Struct, frozen=True, tag_field="op", tag="sessions_changed"):
    """These prefixes have other holders in the images of sessions.   Reply: SessionsReceipt.

    cut      those whose connections end: another one had them
    losers   profiles that had some of them"""

    prefixes: Annotated[list[str], Meta(max_length=MOST_PREFIXES)]
    cut: Annotated[list[str], Meta(max_length=MOST_PREFIXES)]
    losers: Annotated[list[int], Meta(max_length=4 * MOST_PREFIXES)] = []


class SessionsReceipt(Struct, frozen=True):
    """Reply to SessionsUpdate: locks and connections are as the sessions say.   n_cut  connections ended"""

    n_cut: int


class EventsFrom(Struct, frozen=True, tag_field="op", tag="events_from"):
    """The events of the ledger from one on.   Reply: NextEvents.

    number  of the first one; -1: those that come from now on;   most  events at once"""

    number: int
    most: int


class ToldEvent(Struct, frozen=True):
    """An event of the ledger.   text  as filterd.mgmt.ledger.event has it; None: redacted;   leaf  in hexadecimal"""

    number: int
    time_ms: int
    kind: str
    text: str | None
    leaf: str


class NextEvents(Struct, frozen=True):
    """Reply to EventsFrom.   number  of the one behind them;   waiting  how many there are, with these"""

    events: list[ToldEvent]
    number: int
    waiting: int


class StreamStatus(Struct, frozen=True, kw_only=True):
    """How a stream of records to the SIEM is.

    sent      confirmed since the role began;   waiting  at the last look, some thousand leaves of blocks at most
    oldest_s  how long the oldest of those has waited;   gone  destroyed by age before they were sent
    fault     why the last try failed; None: it did not"""

    sent: Count
    waiting: Count
    oldest_s: Annotated[float, Meta(ge=0.0)]
    gone: Count
    fault: Annotated[str, Meta(max_length=MOST_FAULT)] | None


class SiemReport(Struct, frozen=True, tag_field="op", tag="siem_report"):
    """How sending to the SIEM is, by stream.   Reply: SiemAck."""

    streams: dict[Literal["blocks", "ledger"], StreamStatus]


class SiemAck(Struct, frozen=True):
    """Reply to SiemReport."""


class FoundReport(Struct, frozen=True):
    """A report.   None: none exists, or too many wait"""

    report: Report | None


class Reload(Struct, frozen=True, tag_field="op", tag="reload"):
    """Read configuration and lists again.   Reply: InForce."""


class ListsRefresh(Struct, frozen=True, tag_field="op", tag="lists_refresh"):
    """Pull and judge lists now.   lists  ids; none: all.   Reply: InForce."""

    lists: list[str] | None = None
    by: str = UNNAMED


class ListsApprove(Struct, frozen=True, tag_field="op", tag="lists_approve"):
    """Let a held version of a list be good.   version  the start of its digest.   Reply: InForce."""

    list: str
    version: str = ""
    by: str = UNNAMED


class ListsRollback(Struct, frozen=True, tag_field="op", tag="lists_rollback"):
    """Let an earlier version be the good one of a list again.   Reply: InForce.

    version  the start of its digest; "": the one before the present one"""

    list: str
    version: str = ""
    by: str = UNNAMED


class ListsVersions(Struct, frozen=True, tag_field="op", tag="lists_versions"):
    """Which versions of each list does this box keep?   Reply: ListsStatus."""


class ListsStatus(Struct, frozen=True):
    """Reply to ListsVersions: see filterd.images.lists.status."""

    lists: list[Message]


class ListsDiff(Struct, frozen=True, tag_field="op", tag="lists_diff"):
    """What would a kept version change?   version  its digest, whole   Reply: Diff."""

    list: str
    version: str


ListsRequest = ListsRefresh | ListsApprove | ListsRollback
SessionsRequest = Identify | SessionsUpdate
SiemRequest = EventsFrom | SiemReport
# The order is that in which a refusal names them.
ControlRequest = (
    OrdersUpdate
    | PolicyUpdate
    | Explain
    | Status
    | Reload
    | ListsRequest
    | ListsVersions
    | ListsDiff
    | SessionsRequest
    | SettingsUpdate
    | SiemRequest
)
CONTROL_REQUESTS = Requests(get_args(ControlRequest))

# All that the splash can ask of control.
SplashRequest = (
    ClosureQuery | ExcessQuestions | ReportMistake | PutAppeal | FindReport | UseTicket | BeginTime | AskFamily
)
SPLASH_REQUESTS = Requests(get_args(SplashRequest))


class InForce(Struct, frozen=True, kw_only=True):
    """Configuration and lists were read and are in force.

    faults   of lists, by "list ID";   list, version  the one that a person changed, and what is good of it now
    cut      what became of connections that new names of lists close; absent where there were none
    live     keys of the configuration that a reload has put in force;   restart  role → those that need its restart"""

    list: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    generations: Generations
    faults: dict[str, str]
    cut: Cut | UnsetType = UNSET
    live: Keys | UnsetType = UNSET
    restart: dict[str, Keys] | UnsetType = UNSET


class Explanation(Struct, frozen=True, kw_only=True):
    """A decision, as filterd.images.explain.explain describes it, with the order and the end of the lock behind it.

    The fields from `issuer` on are there where an order decides; the last two where it closes a whole host for one URL,
    as two persons have approved: `enforceability` then is enforced_broader."""

    action: str
    reason: str
    tier: str
    sentences: dict[str, str]
    list: str | None
    shadow: str | None
    rule: str | None
    matches: Sequence[dict[str, Any]]
    ede: int | None
    enforceability: str | None
    generations: Generations
    subscriber: int | None
    name: str | None
    category: str | None
    order: int | None
    until: str | None
    issuer: str | UnsetType = UNSET
    order_ref: str | UnsetType = UNSET
    order_date: str | UnsetType = UNSET
    ground: str | UnsetType = UNSET
    approved_until: str | UnsetType = UNSET
    collateral: str | UnsetType = UNSET


class ListRules(Struct, frozen=True):
    """What the names base holds of a list.   skipped  lines that are not enforced"""

    id: str
    rules: int
    skipped: int


class LevelState(Struct, frozen=True, kw_only=True):
    """A level of the images in force.   kind  names (with URLs), people;   level  base, delta, young

    rows        beyond the level below, of which status knows how many; None: all that there are, of a base
    written_s   when, unix;   octets  of its images together"""

    kind: str
    level: str
    rows: int | None
    octets: int
    written_s: float


class ControlStatus(Struct, frozen=True, kw_only=True):
    """Generations, ages, lists, workers, roles, and every fault that stands.

    confirmed_s            list → when its source last said that the good copy is its newest, unix
    list_ages              list → 0 confirmed in time, 1 stale, 2 of tier csam and stale for days
    self_tests             list → whether it closes its self-test entries; only lists that have some
    kinds                  categories and services that a list in force holds
    records_late_since_s   when the oldest block record was written that waits in a spool, unix; None: none
                           has waited for ten seconds

    shadowed, ways_around  list → channel → count;   unjudged  packets without a verdict, None: no gate
    cut                    how connections are found that a tightened rule closes: a filterd.kernel.cut.Means
    connections_cut        how many rules, orders and soft hours have ended since control began
    splash_probes          questions to the splash beyond what one client may ask, since control began
    failures               task of control → how often it has failed since control began
    notices                messages about alarms of orders: waiting, sent, dropped, given_up → so many
    legal_holds            those in force, a line each: which records stay, by which letter, until when
    siem                   stream → how it is sent; empty: nothing is, or the role has said nothing yet"""

    generations: Generations
    delta_names: int
    levels: list[LevelState]
    ages_s: dict[str, float]
    lists: list[ListRules]
    shadowed: dict[str, dict[str, int]]
    ways_around: dict[str, dict[str, int]]
    unjudged: int | None
    cut: str
    connections_cut: int
    splash_probes: int
    failures: dict[str, int]
    notices: dict[str, int]
    faults: dict[str, str]
    rpz: dict[str, Any]
    workers: list[WorkerStatus]
    roles: list[RoleState]
    confirmed_s: dict[str, float]
    list_ages: dict[str, int]
    self_tests: dict[str, bool]
    kinds: list[str]
    records_late_since_s: float | None
    legal_holds: list[str]
    siem: dict[str, StreamStatus]
