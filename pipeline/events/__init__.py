"""What is published of what happened: its types, their schemas, an example of each, how it travels."""
