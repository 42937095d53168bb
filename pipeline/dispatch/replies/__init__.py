"""Answers that leave by a platform's API, each at most once as far as the platform lets us know."""
