"""Zone transfer in and out: AXFR, IXFR, NOTIFY, TSIG, RPZ editions."""
