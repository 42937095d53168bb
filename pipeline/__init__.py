"""Casestream: turns every message that customers and their devices send into a support case."""
