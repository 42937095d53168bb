"""What devices tell, judged: alarms, their cases, their timers."""
