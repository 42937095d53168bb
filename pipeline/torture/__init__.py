"""The trial of a consumer by events with everything that can come over it."""
