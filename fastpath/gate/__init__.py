"""The packet gate: flows, reassembly, verdicts, the loop of a packet queue."""
