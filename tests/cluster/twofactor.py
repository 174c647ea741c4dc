"""The SSH servers that sshd cannot play: `twofactor`, with two prompts in a row, and `silent`, which never answers.

`python -m tests.cluster.twofactor FOLDER PORT_BASE`. A session runs its command as the caller, like sshd does.
"""

import asyncio
import os
import pwd
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncssh
from asyncssh.auth import KbdIntChallenge

from tests.cluster.config import session_environment
from tests.cluster.layout import Cluster

PROMPTS = ("Password: ", "Verification code: ")


class TwoFactor(asyncssh.SSHServer):
    """Asks for the password and, in a second challenge once that was right, for the code."""

    def __init__(self, answers: tuple[str, ...]) -> None:
        self._answers = answers
        self._asked = 0

    def begin_auth(self, username: str) -> bool:
        """Let nobody in without an answer."""
        return True

    def kbdint_auth_supported(self) -> bool:
        """Offer keyboard-interactive, and with it nothing else."""
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> KbdIntChallenge:
        """Ask the first question again at every try."""
        self._asked = 0
        return self._question()

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> KbdIntChallenge:
        """Go on to the next question after a right answer."""
        right = len(responses) == 1 and secrets.compare_digest(
            responses[0].encode(), self._answers[self._asked].encode()
        )
        self._asked += 1
        if not right or self._asked == len(PROMPTS):
            return right
        return self._question()

    def _question(self) -> KbdIntChallenge:
        return "", "Two-factor login of the test cluster", "", [(PROMPTS[self._asked], False)]


async def serve(cluster: Cluster) -> None:
    """Answer on the addresses of `twofactor` and `silent` for ever."""
    host = cluster.host("twofactor")
    environment = {
        **{name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ},
        **session_environment(cluster, host),
    }
    shell = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"

    async def session(process: asyncssh.SSHServerProcess[bytes]) -> None:
        words = ["-c", process.command] if process.command else ["-l"]
        child = await asyncio.create_subprocess_exec(
            shell,
            *words,
            cwd=cluster.home(host.alias),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await process.redirect(child.stdin, child.stdout, child.stderr)
        await process.stdout.drain()
        process.exit(await child.wait() % 256)

    unanswered: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(
        lambda reader, writer: unanswered.append(writer), cluster.host("silent").address, cluster.port("sshd")
    )
    server = await asyncssh.listen(
        host.address,
        cluster.port("sshd"),
        server_host_keys=[str(cluster.host_key)],
        server_factory=lambda: TwoFactor((cluster.password, cluster.code)),
        process_factory=session,
        encoding=None,
    )
    async with silent, server:
        await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(Cluster(Path(sys.argv[1]), int(sys.argv[2]))))
