"""The program: runs the attempt in one directory."""

import json
import os
import sys

from backends.runner.attempt import Attempt
from backends.runner.life import Life
from backends.runner.log import open_log, say


def main() -> int:
    """Run the attempt to its end; who comes second leaves with 0."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: runner.py DIRECTORY\n")
        return 2
    directory = os.path.abspath(sys.argv[1])
    try:
        with open(os.path.join(directory, "plan.json")) as file:
            plan = json.load(file)
        open_log(directory, plan["log"])
        life = Life(Attempt(directory, plan))
        ours = life.begin()
    except OSError as error:
        say("the attempt cannot begin: %s" % error)
        return 1
    if not ours:
        say("another runner has this attempt, or its end is told")
        return 0
    return life.run()
