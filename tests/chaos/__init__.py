"""Kills and stops every part of a desk under load, and proves that nothing acknowledged was lost or doubled."""
