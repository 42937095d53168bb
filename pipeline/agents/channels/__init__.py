"""What calls, social items and readings tell, and what becomes of it."""
