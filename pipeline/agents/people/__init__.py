"""The people behind contacts: merged, taken apart, found alike."""
