"""Questions to the system that may never be answered: a file system that is gone, a driver that hangs."""

import threading
from typing import Callable, List, Optional, TypeVar

Answer = TypeVar("Answer")


class Silent(Exception):
    """There is no answer in time, or the last question has none yet."""


class Asked(object):
    """One who is asked, in a thread of its own: a thread that hangs cannot be ended, so there is never a second."""

    def __init__(self) -> None:
        self.thread = None  # type: Optional[threading.Thread]

    @property
    def busy(self) -> bool:
        """Whether the last question has no answer yet."""
        return self.thread is not None and self.thread.is_alive()

    def ask(self, question: Callable[[], Answer], patience: float) -> Answer:
        """What `question` returns or raises. Raises `Silent` after `patience` seconds, or at once while it hangs."""
        if self.busy:
            raise Silent()
        answers = []  # type: List[Answer]
        errors = []  # type: List[Exception]

        def put() -> None:
            try:
                answers.append(question())
            except Exception as error:  # whatever it is, it is raised where it is waited for
                errors.append(error)

        self.thread = threading.Thread(target=put)
        self.thread.daemon = True
        self.thread.start()
        self.thread.join(patience)
        if errors:
            raise errors[0]
        if not answers:
            raise Silent()
        return answers[0]
