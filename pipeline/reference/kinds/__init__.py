"""What a file may say of each kind of record, a file for each kind."""
