"""The register of lawful requests: what authorities have asked the operator for, never what anybody has read."""
