"""The helper itself: requests in, replies and streams out."""

import io
import os
import sys
import threading
from typing import Callable, Dict

from backends.remote import attempts, code, control, files, folders, results, room, scan, survey
from backends.remote.commands import Commands
from backends.remote.follow import Follow, Follows
from backends.remote.frames import GREETING, Decoder, Failure, Header, Reply, described, encode
from backends.remote.telemetry import Telemetry


class Helper(object):
    """Serves requests; `send` takes whole frames and may be called from any thread."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.emit = send
        self.sending = threading.Lock()
        self.closed = False
        self.commands = Commands()
        self.follows = Follows(self.send)
        self.telemetry = Telemetry(self.send, self.commands)
        self.operations = {
            "run": self.commands.run,
            "program": self.commands.program,
            "read": files.read,
            "put": files.put,
            "exists": files.exists,
            "publish": folders.publish,
            "code": code.code,
            "tree": code.tree,
            "blobs": code.blobs,
            "piece": code.piece,
            "attempts": attempts.attempts,
            "scan": scan.scan,
            "cancel": control.cancel,
            "withdraw": control.withdraw,
            "hold": control.hold,
            "release": control.release,
            "priority": control.priority,
            "top": control.top,
            "room": room.room,
            "survey": survey.survey,
            "space": self.telemetry.disks.space,
            "results": results.results,
            "fetch": results.fetch,
        }  # type: Dict[str, Callable[[Header, bytes], Reply]]

    def send(self, header: Header, payload: bytes = b"") -> None:
        """One frame to the other side, whole."""
        frame = encode(header, payload)
        with self.sending:
            if not self.closed:
                self.emit(frame)

    def handle(self, header: Header, payload: bytes) -> None:
        """Take one request. What may wait runs in a thread of its own: a hung command delays no other."""
        op, number = header["op"], header["id"]
        if op == "follow":
            self.follows.add(Follow(number, header["path"], header["offset"]))
        elif op == "ack":
            self.follows.acknowledge(header["stream"])
        elif op == "stop":
            self.follows.stop(header["stream"])
            self.telemetry.stop(header["stream"])
        elif op == "end":
            self.commands.end(header["request"])
        elif op == "telemetry":
            self.telemetry.begin(number, header)
        else:
            thread = threading.Thread(target=self.answer, args=(number, op, header, payload))
            thread.daemon = True
            thread.start()

    def answer(self, number: int, op: str, header: Header, payload: bytes) -> None:
        """Do one request and reply."""
        operation = self.operations.get(op)
        try:
            if operation is None:
                raise Failure("unknown", "no such operation: %s" % op)
            reply, data = operation(header, payload)
        except Exception as error:  # whatever it is, nobody shall wait for an answer in vain
            self.send(dict(described(error), id=number))
        else:
            reply["id"] = number
            reply["ok"] = True
            self.send(reply, data)

    def close(self) -> None:
        """The other side is gone: end what only it wanted. Attempts go on."""
        with self.sending:
            self.closed = True
        self.telemetry.close()
        self.follows.close()
        self.commands.close()


def main() -> int:
    """Serve the other end of standard input and output until it goes away."""
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)  # what a library prints must not fall between two frames

    def emit(frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(out, view) :]

    helper = Helper(emit)
    decoder = Decoder()
    emit(GREETING)
    source = sys.stdin.buffer
    assert isinstance(source, io.BufferedReader)
    try:
        while True:
            data = source.read1(1 << 16)  # what came right behind our own text is in its buffer
            if not data:
                return 0
            for header, payload in decoder.feed(data):
                helper.handle(header, payload)
    except OSError:
        return 1  # the connection broke; nobody is left to tell
    finally:
        helper.close()
