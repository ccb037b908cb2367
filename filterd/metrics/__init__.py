"""What Prometheus and health checks are told: no person, no name that was asked for, nothing of a confidential list."""
