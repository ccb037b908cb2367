"""What every room of rules stands on: a rule, its category, canonical names, URLs and prefixes, watched names."""
