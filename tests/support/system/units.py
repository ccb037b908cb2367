"""Names of systemd's units, as tests ask for them."""

ROLE_UNITS = (
    "filterd-dns@0",
    "filterd-gate@0",
    "filterd-control",
    "filterd-web",
    "filterd-splash",
    "filterd-metrics",
)
