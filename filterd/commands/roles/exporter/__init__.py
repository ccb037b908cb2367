"""What Prometheus and health checks see: no person, no name that was asked for, nothing of a confidential list."""
