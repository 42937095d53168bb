"""Rehearsals: a journal of messages and agents' steps run through the very intake code, touching nothing outside."""
