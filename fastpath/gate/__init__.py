"""The packet gate: flows, reassembly, verdicts, packet queue and tap loops."""
