"""What an auditor can verify without this box."""
