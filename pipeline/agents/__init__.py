"""The steps of intake, and the services beside it: relay, clock, retrial."""
