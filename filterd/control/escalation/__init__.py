"""Alarms of orders and sealed appeals: delivered by mail and webhook."""
