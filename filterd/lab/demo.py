"""`filterd lab run`: the demo, step by step with times, on a real network of namespaces.

Invariants: the first step with an unexpected result ends the demo with 1; only a failed demo leaves files, its logs;
without root, steps without packets run on the loopback, and the others are listed.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from filterd.box.capabilities import OF_NAMESPACES, how_to_get, missing_capabilities, why_missing
from filterd.lab import steps_faults, steps_filter, steps_people, steps_start
from filterd.lab.gateway import Folder, Gateway
from filterd.lab.loopback import loopback
from filterd.lab.processes import tail
from filterd.lab.servers import start_resolver, start_servers
from filterd.lab.stage import Stage, StepFailure
from filterd.lab.step_printer import Teller
from filterd.lab.topology import lab


class Step(NamedTuple):
    """A sentence and the function that proves it, which returns what it measured."""

    sentence: str
    call: Callable[[Stage], str]
    needs_packets: bool = False


STEPS = (
    Step("A list of 1,100,000 names is written, as the regulator's spreadsheet holds it", steps_start.write_list),
    Step("It is compiled", steps_start.compile_list),
    Step("A month of orders, families, blocks and reports is filled in", steps_start.fill_month),
    Step("filterd starts on it, and its last name is blocked", steps_start.start_filterd),
    Step("The operator puts a child and an adult; everyone gets a token", steps_start.make_people),
    Step("The desk and the auditor look back on the month", steps_start.look_back),
    Step("A wrong token and another subscriber's line are refused", steps_start.refuse_wrong_token),
    Step("dig: listed names get the splash and EDE 16, over UDP and TCP, IPv4 and IPv6", steps_filter.dig_listed),
    Step("dig: an allowed name gets its own address, over UDP and TCP, IPv4 and IPv6", steps_filter.dig_allowed),
    Step("dig: a category is closed for the child alone, malware for both", steps_filter.dig_category),
    Step("dig: questions to a foreign resolver are answered here", steps_filter.redirect_foreign, True),
    Step("curl https: a listed name is reset at the server's own address", steps_filter.reset_listed_sni, True),
    Step("curl https: an allowed name works at the same address", steps_filter.pass_allowed_sni, True),
    Step("curl http: a listed name shows the splash with 451, in English and Urdu", steps_filter.show_splash, True),
    Step("curl http by name: DNS leads to the splash", steps_filter.open_splash_by_name, True),
    Step("The regulator pushes an order: blocked within 2 s", steps_people.push_order),
    Step("The regulator withdraws it: open within 2 s", steps_people.withdraw_order),
    Step("The parent pauses the child: it stops within 2 s, the adult goes on", steps_people.pause_child),
    Step("The parent resumes: open within 2 s", steps_people.resume_child),
    Step("At the scheduled minute the same happens without a request", steps_people.close_by_schedule),
    Step("kill -9 of control: filtering continues, control is restarted", steps_faults.kill_control),
    Step("A corrupted image is refused, and the old one stays in force", steps_faults.refuse_corrupted_image),
    Step(
        "The auditor pulls the records of exactly these blocks, none of a household's",
        steps_people.pull_records,
    ),
    Step("filterd stops on SIGTERM, and leaves no process", steps_faults.stop_filterd),
)


def run_demo() -> int:
    """Run every step that is possible on this box; returns the exit code.   Raises MissingPart."""
    missing = missing_capabilities(OF_NAMESPACES)
    directory = Path(tempfile.mkdtemp(prefix="filterd-demo-"))
    teller = Teller(len(STEPS))
    began = time.monotonic()
    has_passed = False
    try:
        with (_loopback_stage if missing else _lab_stage)(directory, teller) as stage:
            has_passed = run_steps(stage, STEPS, teller)
    finally:
        if has_passed:
            shutil.rmtree(directory)
        else:
            print(f"logs and state: {directory}", flush=True)
    if has_passed:
        rest = f"; {how_to_get(missing)} for the steps with packets" if missing else ""
        print(f"all passed in {time.monotonic() - began:.0f} s{rest}")
    return 0 if has_passed else 1


def run_steps(stage: Stage, steps: tuple[Step, ...], teller: Teller) -> bool:
    """Run steps in order until one fails; return whether all passed."""
    for number, step in enumerate(steps, 1):
        teller.begin(number, step.sentence)
        if step.needs_packets and not stage.has_packets:
            teller.end("not run: it needs packets")
            continue
        began = time.monotonic()
        try:
            measured = step.call(stage)
        except (StepFailure, OSError, RuntimeError, LookupError, ValueError) as fault:
            teller.end(f"FAILED {time.monotonic() - began:.2f} s", _told(stage, fault))
            return False
        teller.end(f"ok {time.monotonic() - began:.2f} s", measured)
    return True


# ----------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _lab_stage(directory: Path, teller: Teller) -> Iterator[Stage]:
    began = time.monotonic()
    with lab(directory) as place:
        internet = start_servers(place)
        took_s = time.monotonic() - began
        print(f"the lab: 5 namespaces, nginx, 2 resolvers ({took_s:.2f} s); all in {directory}", flush=True)
        yield Stage(place, Gateway(place, Folder(directory)), internet.authority, teller)


@contextlib.contextmanager
def _loopback_stage(directory: Path, teller: Teller) -> Iterator[Stage]:
    print(
        f"{why_missing(OF_NAMESPACES)}: DNS and API on high ports of the loopback, no packets; all in {directory}",
        flush=True,
    )
    with loopback(directory) as place:
        start_resolver(place, "resolver", place.addresses.resolver4)
        yield Stage(place, Gateway(place, Folder(directory)), None, teller)


def _told(stage: Stage, fault: Exception) -> str:
    """Report a failure: expected, seen, the gateway's last log lines, and where the logs are."""
    said = f"{type(fault).__name__}: {fault}"
    if isinstance(fault, StepFailure):
        said = f"expected: {fault.expected}\nsaw:      {fault.seen}"
    log = stage.place.directory / "logs/gateway-filterd.log"
    return f"{said}\nthe end of {log}:\n{tail(log)}"
