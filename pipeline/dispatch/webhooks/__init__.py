"""Webhooks: events that are posted to those who subscribed to them."""
