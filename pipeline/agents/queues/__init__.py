"""Where cases wait: routed there, given to somebody, overflowing."""
