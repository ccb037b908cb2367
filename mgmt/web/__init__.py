"""The web role above the domain: what all of it shares, its pages and its API."""
