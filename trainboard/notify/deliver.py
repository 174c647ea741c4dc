"""The program that sends one message: a process of its own, which may hang, and be ended, without harm to anybody.

Run by its path, with the name of a slip as its argument and the message as JSON on standard input, where nobody sees
the URL that is in it. It holds the slip locked, sends, and writes what came of it to the slip: the last line counts,
also where a sender is killed in the middle. Where the slip is gone, the message is somebody else's by now. It imports
nothing of ours, and apprise only for a URL.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PHRASES = re.compile(
    r"connection refused|connection reset|connection unexpectedly closed|timed out|timeout|name or service not known"
    r"|temporary failure in name resolution|nodename nor servname|no address associated|no route to host"
    r"|network is unreachable|certificate verify failed|certificate has expired|hostname mismatch|self.signed"
    r"|wrong version number|(?:starttls|auth) extension not supported|too many requests|errno -?\d{1,3}"
    r"|(?<=\()[245]\d\d(?=, b?['\"])",
    re.IGNORECASE,
)
"""What may be repeated of what a notifier says when it fails: fixed words, and the numbers of SMTP. All else may hold
a secret."""


Told = dict[str, Any]
"""What came of a message: `done`, `why` in one line without secrets, `reached`: who of several recipients has it, and
for a check the `service`."""


def main(slip: str) -> int:
    """Send the message; 0: the outcome is written, whatever it is."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, go_on)
    with Path(slip).open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 1
        if not is_there(slip, file):
            return 1
        message = json.loads(sys.stdin.buffer.read())
        signal.alarm(int(message["patience"]))
        note(file, deliver(message, lambda told: note(file, told)))
    return 0


def note(file: IO[bytes], told: Told) -> None:
    """Write to the slip what came of it, so far or in the end."""
    file.seek(0, os.SEEK_END)
    file.write(b"\n" + json.dumps(told).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def go_on(*_: object) -> None:
    """Who started this may end: the message is sent all the same."""


def is_there(slip: str, file: IO[bytes]) -> bool:
    """Whether the slip is still the file that was opened."""
    try:
        return Path(slip).stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def deliver(message: dict[str, Any], so_far: Callable[[Told], None]) -> Told:
    """What came of it; `so_far` hears of each recipient who has it while there are others."""
    ways = {"check": check, "command": by_command, "tmux": by_tmux}
    try:
        return by_apprise(message, so_far) if message["way"] == "url" else ways[message["way"]](message)
    except Exception as error:  # of a notifier: whatever it is, its words may hold a secret
        return {"done": False, "why": reason(error)}


def by_apprise(message: dict[str, Any], so_far: Callable[[Told], None]) -> Told:
    """Through a notifier that apprise knows."""
    import apprise

    said = Said()
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [said], False
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    asset = apprise.AppriseAsset(app_id="trainboard", app_desc="trainboard", app_url="", async_mode=False)
    server = apprise.Apprise.instantiate(message["url"], asset=asset)
    if server is None:
        return {"done": False, "why": "this is no URL of a notifier that apprise knows"}
    if message["url"].lower().startswith(("mailto", "mailtos")) and "format=" not in message["url"]:
        server.notify_format = apprise.NotifyFormat.TEXT  # columns and curves stay as they are
    all_ = apprise.Apprise(asset=asset)
    all_.add(server)
    kind = {"info": "info", "warning": "warning", "error": "failure"}.get(message["severity"], "info")

    def send() -> bool:
        told = all_.notify(body=message["body"], title=message["title"], notify_type=kind, body_format="text")
        return bool(told)

    return each_once(recipients(server), message["reached"], send, said, so_far)


def each_once(
    everybody: Iterable[str],
    before: Iterable[str],
    send: Callable[[], bool],
    said: Said,
    so_far: Callable[[Told], None],
) -> Told:
    """Tell each recipient by itself, so that nobody is told again because another one was not."""
    reached, refused, count = list(before), 0, 0
    for recipient in everybody:
        count += 1
        if recipient in reached:
            continue
        if send():
            reached.append(recipient)
            so_far({"done": False, "why": "the notifier did not end", "reached": reached})
        else:
            refused += 1
            if said.away:
                break
    why = f"{refused} of {count} recipients: {said.why}" if refused and count > 1 and not said.away else said.why
    return {"done": not refused, "why": why if refused else "", "reached": reached}


def recipients(server: Any) -> Iterator[str]:  # noqa: ANN401 - of apprise, which has no types here
    """Who is told, each by a digest; while one is looked at, the notifier sends to nobody else."""
    from apprise.plugins.email import NotifyEmail

    everybody = list(server.targets) if isinstance(server, NotifyEmail) else []
    if len(everybody) < 2:
        yield ""
        return
    for each in everybody:
        server.targets = [each]
        yield hashlib.sha256(f"{server.host}\n{each[1]}".encode()).hexdigest()[:12]


def check(message: dict[str, Any]) -> Told:
    """Whether apprise knows this URL; nothing is sent."""
    import difflib

    import apprise
    from apprise.manager_plugins import NotificationManager

    logging.getLogger("apprise").handlers = [logging.NullHandler()]
    logging.getLogger("apprise").propagate = False
    server = apprise.Apprise.instantiate(message["url"])
    if server is not None:
        return {"done": True, "why": "", "service": str(server.service_name)}
    schema, mark, _ = message["url"].partition("://")
    manager: Any = NotificationManager  # not typed
    known = sorted(str(each) for each in manager().schemas())
    if mark and schema.lower() in known:
        return {"done": False, "why": f"{schema.lower()}:// takes another form than this URL has"}
    near = difflib.get_close_matches(schema.lower(), known, n=1) if mark else []
    hint = f" (did you mean {near[0]}://?)" if near else ""
    return {"done": False, "why": f"apprise knows no notifier of this URL's kind{hint}"}


def by_command(message: dict[str, Any]) -> Told:
    """Through a command of the user's: the message is in its environment and on its standard input."""
    names = ("title", "body", "severity", "kind", "channel")
    environ = {**os.environ, **{f"TRAINBOARD_{name.upper()}": str(message[name]) for name in names}}
    return run(["/bin/sh", "-c", message["command"]], message, environ)


def by_tmux(message: dict[str, Any]) -> Told:
    """As a message in the status line. In what it shows, tmux would follow `#(command)` and `%H`."""
    text = " ".join(message["title"].split()).replace("#", "##").replace("%", "%%")
    return run(["tmux", "display-message", text], message, dict(os.environ))


def run(argv: list[str], message: dict[str, Any], environ: dict[str, str]) -> Told:
    """A program with all that it starts; what it prints is nobody's business."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
        restore_signals=True,
    )
    patience = message["patience"] - 2
    try:
        process.communicate((message["body"] + "\n").encode(), timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return {"done": False, "why": f"it did not end within {patience} s"}
    code = process.returncode
    why = "" if code == 0 else f"it ended with exit code {code}" if code > 0 else f"it ended with signal {-code}"
    return {"done": code == 0, "why": why}


class Said(logging.Handler):
    """What a notifier logs, as far as it can be repeated."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._found: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep numbers of HTTP and the phrases that are known."""
        args = record.args if isinstance(record.args, tuple) and "error" in str(record.msg) else ()
        numbers = [each for each in args if isinstance(each, int) and 400 <= each < 600]
        self._found |= {f"HTTP {number}": None for number in numbers}
        self._found |= dict.fromkeys(phrases(record.getMessage()))

    @property
    def why(self) -> str:
        """One line."""
        return ", ".join(list(self._found)[:3]) or "the notifier refused it"

    @property
    def away(self) -> bool:
        """Whether the server itself cannot be had: it is the same for whoever comes next."""
        return any(not each.startswith(("SMTP", "HTTP")) for each in self._found)


def phrases(text: str) -> list[str]:
    """The known phrases in a text; a number of the system only where there is nothing better."""
    found = list(dict.fromkeys(match.group().lower() for match in PHRASES.finditer(text)))
    words = [each for each in found if not each.startswith("errno")]
    return [f"SMTP {each}" if each.isdigit() else each for each in words or found]


def reason(error: Exception) -> str:
    """An error in words that hold no secret."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{type(error).__name__}: {os.strerror(error.errno)}"
    return ", ".join([type(error).__name__, *phrases(str(error))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
