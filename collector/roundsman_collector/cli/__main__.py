"""`python -m roundsman_collector.cli` is the program `roundsman`."""

from roundsman_collector.cli import main

main()
