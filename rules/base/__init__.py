"""What every room of rules stands on: a rule, its category, canonical names, URLs, prefixes, clients, the manifest."""
