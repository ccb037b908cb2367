"""What the data plane reports: counters, block events, traces."""
