"""The log of an attempt, and what the runner itself says in it."""

import fcntl
import os
import time
from typing import Optional

PIECE = 1 << 18
"""Bytes of a program's output that are read at once."""


def say(text: str) -> None:
    """A line of ours in the log; a disk that is full loses it."""
    try:
        os.write(2, ("trainboard: %s\n" % text).encode("utf-8", "replace"))
    except OSError:
        return


def is_open_as(descriptor: int, path: str) -> bool:
    """Whether a descriptor is this very file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def open_log(directory: str, name: Optional[str]) -> None:
    """Make a file our standard output and error, unless it is that already. Raises OSError."""
    if name is None or is_open_as(1, os.path.join(directory, name)):
        return
    log = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


class Log(object):
    """out.log. With a limit, the program writes into a pipe, and we into the file.

    At half of the limit out.log becomes out.log.1 and a new one begins, after a whole line where there is one. While
    the disk is full the output is counted, and its loss told in the log as soon as there is room.
    """

    def __init__(self, path: str, limit: Optional[int]) -> None:
        self.path = path
        self.half = (limit or 0) // 2
        self.lost = 0
        self.why = ""
        self.due = 0.0
        """When to read next: a program that writes little by little is read in larger pieces."""
        self.file = self.reader = self.writer = -1
        self.pipe_size = 1 << 16
        if limit is not None:
            self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self.streams = [stream for stream in (1, 2) if is_open_as(stream, path)]
            self.open_pipe()

    def open_pipe(self) -> None:
        """Make the pipe, as large as we may."""
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        try:
            fcntl.fcntl(self.writer, 1031, 1 << 20)  # F_SETPIPE_SZ
            self.pipe_size = fcntl.fcntl(self.writer, 1032)  # F_GETPIPE_SZ
        except OSError:
            return  # the usual size will do

    def become_output(self) -> None:
        """In the program's process: its standard output and error go here."""
        if self.writer >= 0:
            os.dup2(self.writer, 1)
            os.dup2(self.writer, 2)

    def close_writer(self) -> None:
        """The program alone has the other end."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def pump(self) -> None:
        """Move what is in the pipe to the file, at most a second's worth of it."""
        moved = 0
        while moved < 1 << 22:
            try:
                data = os.read(self.reader, PIECE)
            except BlockingIOError:
                break
            if not data:
                os.close(self.reader)
                self.reader = -1
                return
            self.write(data)
            moved += len(data)
        if moved < self.pipe_size // 2:
            self.due = time.monotonic() + self.pipe_size / 64e6

    def finish(self) -> None:
        """Move all that is left; nobody writes any more."""
        while self.reader >= 0:
            self.due = 0.0
            self.pump()
            if self.due:
                break
        self.settle()

    def settle(self) -> bool:
        """Tell what was lost, if there is room now; whether nothing is left to tell."""
        if not self.lost:
            return True
        note = ("\ntrainboard: %d bytes of output are lost here: %s\n" % (self.lost, self.why)).encode()[: self.half]
        if self.room() < len(note) and not self.turn():
            return False
        size = os.fstat(self.file).st_size
        if self.put(note) < len(note):
            os.ftruncate(self.file, size)
            return False
        self.lost = 0
        return True

    def write(self, data: bytes) -> None:
        """Append output; what the disk does not take is counted."""
        if self.settle():
            data = data[self.store(data) :]
        self.lost += len(data)

    def store(self, data: bytes) -> int:
        """Append, over as many files as it needs; how many bytes could be written."""
        done = 0
        while done < len(data):
            room = self.room()
            if len(data) - done <= room:
                return done + self.put(data[done:])
            cut = max(data.rfind(b"\n", done, done + room), data.rfind(b"\r", done, done + room)) + 1
            wanted = (cut or done + room) - done
            kept = self.put(data[done : done + wanted])
            done += kept
            if kept < wanted or not self.turn():
                break
        return done

    def room(self) -> int:
        """Bytes that out.log may still take."""
        return max(0, self.half - os.fstat(self.file).st_size)

    def put(self, data: bytes) -> int:
        """Append to the file; how many bytes could be written."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self.file, data[done:])
        except OSError as error:
            self.why = str(error.strerror)
        return done

    def turn(self) -> bool:
        """Begin a new out.log; whether that was possible. There is always an out.log."""
        draft = self.path + ".new"
        try:
            fresh = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.rename(self.path, self.path + ".1")
            os.rename(draft, self.path)
        except OSError as error:
            self.why = str(error.strerror)
            return False
        self.adopt(fresh)
        return True

    def adopt(self, fresh: int) -> None:
        """Go on with this file."""
        for stream in self.streams:
            os.dup2(fresh, stream)
        os.close(self.file)
        self.file = fresh

    def reopen(self) -> None:
        """In another process: the file may have been turned meanwhile."""
        if self.file < 0:
            return
        try:
            self.adopt(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as error:
            say("the log cannot be opened again: %s" % error)
