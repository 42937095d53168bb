"""How the records of a batch become typed messages: a file for each kind, here or in a process of its own."""
