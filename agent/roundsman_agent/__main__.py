"""`python -m roundsman_agent`."""

import sys

from roundsman_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
