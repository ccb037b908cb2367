"""Sink and probe, where they cannot start."""

import pytest
from support.system.ports import free_port

from filterd.box.errors import MissingPart
from filterd.commands.verifier.processes import ask, standing_sink
from filterd.commands.verifier.seen import ProbePlan
from filterd.commands.verifier.sink import SinkPlan

pytestmark = pytest.mark.services


def test_a_sink_without_its_address_says_so() -> None:
    sink = standing_sink(SinkPlan("", ["203.0.113.1"], [free_port()], [free_port()]))
    with pytest.raises(MissingPart, match=r"sink: .*assign requested address.*; nothing asked"), sink:
        pass


def test_a_probe_without_its_namespace_says_so() -> None:
    with pytest.raises(MissingPart, match=r"probe: .*filterd-none.*; nothing judged"):
        ask(ProbePlan("/run/netns/filterd-none", {}, {}, {}, {}, 2, []))
