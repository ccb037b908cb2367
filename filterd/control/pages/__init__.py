"""What pages say: what two persons have agreed to, and all of it given to those who show pages."""
