"""Alarms of orders: found by control, delivered by mail and webhook."""
