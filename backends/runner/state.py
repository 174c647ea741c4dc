"""The state folder of an attempt, and the records of ends in it."""

import json
import os
import time
from typing import Any, Dict, List, Optional

from backends.runner.files import read_text, write_text, write_whole
from backends.runner.log import say

RECORD_SIZE = 4096
"""Bytes that are set aside for the exit record."""

PATIENCE = 60
"""Seconds for which a runner tries to write an exit record that it cannot write."""


class State(object):
    """The folder `state` of an attempt directory."""

    def __init__(self, directory: str) -> None:
        self.folder = os.path.join(directory, "state")

    def path(self, name: str) -> str:
        """Of a state file."""
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        """Whether a state file is there."""
        return os.path.exists(self.path(name))

    def read(self, name: str) -> Optional[Dict[str, Any]]:
        """A JSON record; None where there is none."""
        try:
            record = json.loads(read_text(self.path(name)))
        except ValueError:
            return None
        return record if isinstance(record, dict) else None

    def write(self, name: str, record: Dict[str, Any]) -> None:
        """Write a JSON record. Raises OSError."""
        write_whole(self.path(name), json.dumps(record))

    def make_room(self) -> None:
        """Set disk space aside for the exit record. Raises OSError."""
        if not self.has("exit.room"):
            write_text(self.path("exit.room"), " " * RECORD_SIZE)

    def ends(self) -> List[Dict[str, Any]]:
        """The exit records of the earlier lives of a restarted job, each with its `restart`."""
        return [json.loads(line) for line in read_text(self.path("ends.jsonl")).splitlines()]

    def rotate(self, end: Dict[str, Any]) -> None:
        """Put the end of one life aside, so that another may begin. Raises OSError: then nothing has changed."""
        lines = [json.dumps(each) + "\n" for each in self.ends() + [end]]
        write_whole(self.path("ends.jsonl"), "".join(lines))
        if self.has("exit"):
            os.rename(self.path("exit"), self.path("exit.room"))

    def leave(self, record: Dict[str, Any]) -> int:
        """Write the exit record, into the room that was set aside for it; 0, or 1 where it cannot be written."""
        text = json.dumps(record).ljust(RECORD_SIZE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                write_text(self.path("exit.room"), text)
                os.rename(self.path("exit.room"), self.path("exit"))
                return 0
            except OSError as error:
                if time.monotonic() > deadline or isinstance(error, FileNotFoundError):
                    say("no exit record: %s" % error)
                    return 1
            time.sleep(2.0)


def end_record(state: str, code: Optional[int], reason: str, **more: object) -> Dict[str, Any]:
    """An exit record: how a life ended. Without `began` the program has not begun."""
    told = {"state": state, "code": code, "reason": reason, "began": None, "time": time.time()}  # type: Dict[str, Any]
    return dict(dict(told, withdrawn=False, peak_memory=None, restarts=0), **more)
