"""Raw bytes → typed message, one file per kind; pure, bounded, fuzzed."""
