"""The register of lawful requests: what authorities have asked the operator for, never what anyone has read."""
