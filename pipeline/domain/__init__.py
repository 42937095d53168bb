"""The desk's rules as pure functions: facts in, decisions out."""
