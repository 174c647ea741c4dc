"""`python -m trainboard`, and the console script."""

import sys


def main() -> int:
    """Run the command line; the exit code."""
    from trainboard.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
