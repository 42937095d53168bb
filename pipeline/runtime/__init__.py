"""Faust and the offset ledger: the only place that imports Faust."""
