"""trainboard: the program without a screen — command line, store, submission, watching, extraction.

`tui`, `backends` and `specs` are our siblings in the same install. A machine-learning project often has a
folder `backends/` of its own and a PYTHONPATH that points at it; putting our install root first keeps that
folder from shadowing ours.
"""

import sys
from pathlib import Path

__version__ = "0.1.0"

_root = str(Path(__file__).parent.parent)
if sys.path[:1] != [_root]:
    sys.path.insert(0, _root)
