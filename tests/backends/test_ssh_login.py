"""Passwords, questions and keys, against a real server in the same loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncssh
import pytest

from backends.base import HostUnreachable, LoginRefused
from backends.ssh import SshHost
from tests.backends.sshserver import Asked, Rules, Served, config, impostor, serve, stanza

if TYPE_CHECKING:
    from pathlib import Path

TWO_FACTORS = Rules(
    rounds=(
        ("Login", "Two factors, please", (("Password: ", False), ("Code: ", True))),
        ("", "Sent to \x1b[31myour phone\x1b[0m", ()),
        ("", "", (("Tap number: ", False),)),
    ),
    responses=(("pw", "123456"), (), ("7",)),
)


def host(folder: Path, served: Served, asked: Asked, *lines: str, timeout: float = 5) -> SshHost:
    """A host whose key is on record."""
    known = folder / "known_hosts"
    known.write_text(served.known_line)
    path = config(folder, stanza("gpu1", served, *lines))
    return SshHost("gpu1", asked, config=path, known_hosts=known, connect_timeout=timeout)


async def enters(ssh: SshHost) -> None:
    """The login works and a command runs."""
    link = await ssh.open("true")
    await link.write(b"x")
    assert await link.read() == b"x"
    await ssh.close()


async def test_a_password_is_asked_for_without_echo(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["pw"])
        await enters(host(tmp_path, served, asked))
        (question,) = asked.questions
        assert (question.host, question.title, question.echo) == ("gpu1", "gpu1: password", False)
        assert question.text == "Password of tester on 127.0.0.1"


async def test_a_wrong_password_is_asked_for_again(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["wrong", "pw"])
        await enters(host(tmp_path, served, asked))
        assert [q.text.startswith("That was not accepted.") for q in asked.questions] == [False, True]


async def test_three_wrong_passwords_are_enough(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["a", "b", "c", "d"])
        with pytest.raises(LoginRefused, match=r"does not let tester in; the server takes .*password"):
            await host(tmp_path, served, asked).open("a")
        assert len(asked.questions) == 3


async def test_a_password_is_not_kept(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["pw", "pw"])
        ssh = host(tmp_path, served, asked)
        await enters(ssh)
        await enters(ssh)
        assert len(asked.questions) == 2


async def test_declining_ends_the_login_and_asks_nothing_more(tmp_path: Path) -> None:
    rules = Rules(password="pw", rounds=TWO_FACTORS.rounds, responses=TWO_FACTORS.responses)
    async with serve(rules) as served:
        asked = Asked([None, "pw"])
        with pytest.raises(LoginRefused, match="given up"):
            await host(tmp_path, served, asked).open("a")
        assert len(asked.questions) == 1


async def test_two_factors_are_asked_one_after_the_other(tmp_path: Path) -> None:
    async with serve(TWO_FACTORS) as served:
        asked = Asked(["pw", "123456", "7"])
        await enters(host(tmp_path, served, asked))
        assert [(q.title, q.echo) for q in asked.questions] == [
            ("gpu1: Password", False),
            ("gpu1: Code", True),
            ("gpu1: Tap number", False),
        ]
        assert asked.questions[0].text == "Login\nTwo factors, please\nPassword:"
        assert asked.questions[2].text == "Sent to your phone\nTap number:"


async def test_a_wrong_code_starts_the_questions_again(tmp_path: Path) -> None:
    async with serve(TWO_FACTORS) as served:
        asked = Asked(["pw", "000000", "pw", "123456", "7"])
        await enters(host(tmp_path, served, asked))
        assert asked.questions[2].text.startswith("That was not accepted.")


async def test_time_at_the_prompt_does_not_count(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["pw"])
        asked.gate.clear()
        ssh = host(tmp_path, served, asked, timeout=4)
        login = asyncio.create_task(enters(ssh))
        await asked.asked.wait()
        assert not (await asyncio.wait({login}, timeout=4.5))[0]
        asked.gate.set()
        await login


async def test_a_server_that_tires_of_waiting_is_told(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        asked = Asked(["pw"])
        asked.gate.clear()
        login = asyncio.create_task(host(tmp_path, served, asked).open("a"))
        await asked.asked.wait()
        served.drop()
        with pytest.raises(LoginRefused, match="ended the login while it waited") as caught:
            await login
        assert "LoginGraceTime" in caught.value.advice


async def test_giving_up_the_login_takes_the_question_back(tmp_path: Path) -> None:
    async with serve(Rules(password="pw")) as served:
        withdrawn = asyncio.Event()

        class Patient(Asked):
            async def ask(self, question: object) -> str | None:
                self.asked.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    withdrawn.set()
                return None

        asked = Patient()
        login = asyncio.create_task(host(tmp_path, served, asked).open("a"))
        await asked.asked.wait()
        login.cancel()
        await asyncio.wait({login})
        await asyncio.wait_for(withdrawn.wait(), 5)


async def test_the_banner_is_part_of_a_refusal(tmp_path: Path) -> None:
    async with serve(Rules(password="pw", banner="\x1b]0;x\x07Maintenance until\nMonday\n")) as served:
        with pytest.raises(LoginRefused, match="it says: Maintenance until Monday"):
            await host(tmp_path, served, Asked(["a", "b", "c"])).open("a")


async def test_a_banner_harms_no_login(tmp_path: Path) -> None:
    async with serve(Rules(password="pw", banner="Welcome\n" * 50)) as served:
        await enters(host(tmp_path, served, Asked(["pw"])))


def write_key(path: Path, passphrase: str | None = None, form: str = "openssh") -> asyncssh.SSHKey:
    """A new private key in a file."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.write_bytes(key.export_private_key(form, passphrase, rounds=4, ignore_few_rounds=True))
    return key


async def test_an_identity_file_lets_in_without_a_question(tmp_path: Path) -> None:
    key = write_key(tmp_path / "id")
    async with serve(Rules(keys=(key,), password="pw")) as served:
        asked = Asked()
        ssh = host(tmp_path, served, asked, f"IdentityFile {tmp_path}/missing", f"IdentityFile {tmp_path}/id")
        await enters(ssh)
        assert asked.questions == []


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem"])
async def test_an_encrypted_key_asks_for_its_passphrase(tmp_path: Path, form: str) -> None:
    key = write_key(tmp_path / "id", "secret", form)
    (tmp_path / "id.pub").write_bytes(key.export_public_key())
    async with serve(Rules(keys=(key,))) as served:
        asked = Asked(["wrong", "secret"])
        await enters(host(tmp_path, served, asked, f"IdentityFile {tmp_path}/id"))
        assert [q.title for q in asked.questions] == ["gpu1: passphrase"] * 2
        assert asked.questions[1].text == f"That does not open it. Passphrase for {tmp_path}/id"
        assert not asked.questions[0].echo


async def test_no_passphrase_is_asked_for_a_key_that_the_server_does_not_want(tmp_path: Path) -> None:
    write_key(tmp_path / "id", "secret")
    other = asyncssh.generate_private_key("ssh-ed25519")
    async with serve(Rules(keys=(other,), password="pw")) as served:
        asked = Asked(["pw"])
        await enters(host(tmp_path, served, asked, f"IdentityFile {tmp_path}/id"))
        assert [q.title for q in asked.questions] == ["gpu1: password"]


async def test_a_passphrase_that_never_fits_goes_on_to_the_password(tmp_path: Path) -> None:
    key = write_key(tmp_path / "id", "secret")
    async with serve(Rules(keys=(key,), password="pw")) as served:
        asked = Asked(["1", "2", "3", "pw"])
        await enters(host(tmp_path, served, asked, f"IdentityFile {tmp_path}/id"))


async def test_a_declined_passphrase_ends_the_login(tmp_path: Path) -> None:
    key = write_key(tmp_path / "id", "secret")
    async with serve(Rules(keys=(key,), password="pw")) as served:
        asked = Asked([None, "pw"])
        with pytest.raises(LoginRefused, match="given up"):
            await host(tmp_path, served, asked, f"IdentityFile {tmp_path}/id").open("a")
        assert len(asked.questions) == 1


async def test_a_key_file_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----\n")
    async with serve(Rules(password="pw")) as served:
        with pytest.raises(LoginRefused) as caught:
            await host(tmp_path, served, Asked(["a", "b", "c"]), f"IdentityFile {tmp_path}/id").open("a")
        assert str(tmp_path / "id") in caught.value.advice


async def test_a_lost_connection_in_the_login_is_no_refusal(tmp_path: Path) -> None:
    async with impostor(b"SSH-2.0-hasty\r\n", hang_up=True) as port:
        ssh = SshHost(f"me@127.0.0.1:{port}", Asked(), config=config(tmp_path), known_hosts=tmp_path / "kh")
        with pytest.raises(HostUnreachable, match="cut the connection"):
            await ssh.open("a")
