"""What cases draw on the entitlements of their customers."""
