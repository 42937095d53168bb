"""What agents do to cases, and how long cases rest: a file for each kind of deed."""
