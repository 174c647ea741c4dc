"""Files: written so that they are never seen half."""

import os


def write_text(path: str, text: str) -> None:
    """Write a file, and wait until it is on the disk; what the file has already is written over, not given back."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: str, text: str) -> None:
    """Write a file that is never seen half."""
    draft = "%s.%d.tmp" % (path, os.getpid())
    try:
        write_text(draft, text)
        os.rename(draft, path)
    except OSError:
        remove(draft)
        raise


def remove(path: str) -> None:
    """Take a file away, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def read_text(path: str) -> str:
    """What is in a text file; empty where it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""
