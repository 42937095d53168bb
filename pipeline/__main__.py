"""Lets `python -m pipeline` be `casestream`."""

from pipeline.cli import main

main()
