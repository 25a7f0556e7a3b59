"""`python -m orderbridge`: the command line."""

from orderbridge.cli import main

main()
