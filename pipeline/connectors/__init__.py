"""Connectors: receive → publish → settle, one file each, one shared contract."""
