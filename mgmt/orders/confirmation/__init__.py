"""What the traffic said of orders, and what their issuers are answered."""
