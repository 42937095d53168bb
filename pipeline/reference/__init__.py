"""Reference data: read from files, judged beside what is known, written as one set."""
