"""The register of addresses from which the operator's gateways ask DNS, for authorities that let only these ask."""
