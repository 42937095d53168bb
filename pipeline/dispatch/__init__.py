"""What leaves the desk: each way out walks what waits for it, and does its jobs."""
