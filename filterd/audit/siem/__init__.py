"""Records for the operator's SIEM: taken from who has them, sent by syslog over TLS, and how far that was done."""
