"""The trial of a consumer: events with everything that can come over it, and the question what it made of them."""
