"""The promises of an SLA: made, kept, warned of, broken."""
