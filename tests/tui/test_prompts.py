"""Questions of hosts."""

from __future__ import annotations

import asyncio

from textual.widgets import Input

from backends.base import Question
from tests.tui.fakes import board, row
from tui.prompts import ModalPrompter
from tui.screens.question import QuestionScreen

PASSWORD = Question("gpu1", "gpu1: password", "Password for u@gpu1:")
CODE = Question("csc", "csc: code", "Verification code:", echo=True)
KEY = Question("gpu2", "gpu2: unknown host key", "SHA256:abcdef ED25519", yes_no=True)


async def test_a_password_is_asked_for_and_not_shown() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(PASSWORD))
        await stage.until("gpu1: password")
        await stage.press(*"s3cret")
        assert "s3cret" not in stage.screen
        await stage.press("enter")
        assert await answer == "s3cret"
        assert not isinstance(stage.app.screen, QuestionScreen)


async def test_a_code_is_shown_while_it_is_typed() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(CODE))
        await stage.until("csc: code")
        await stage.press(*"123456")
        assert "123456" in stage.screen
        await stage.press("enter")
        assert await answer == "123456"


async def test_a_second_hosts_question_waits_its_turn() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        first = asyncio.create_task(prompter.ask(PASSWORD))
        await stage.until("gpu1: password")
        second = asyncio.create_task(prompter.ask(CODE))
        await stage.pilot.pause()
        assert "csc: code" not in stage.screen
        await stage.press("a", "enter")
        assert await first == "a"
        await stage.until("csc: code")
        await stage.press("b", "enter")
        assert await second == "b"


async def test_two_questions_of_one_login_come_one_after_the_other() -> None:
    prompter = ModalPrompter()

    async def login() -> list[str | None]:
        return [await prompter.ask(PASSWORD), await prompter.ask(CODE)]

    async with board(row(1), prompter=prompter) as stage:
        answers = asyncio.create_task(login())
        await stage.until("gpu1: password")
        await stage.press("p", "enter")
        await stage.until("csc: code")
        assert stage.app.screen.query_one(Input).value == ""
        await stage.press("1", "enter")
        assert await answers == ["p", "1"]


async def test_esc_declines() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(PASSWORD))
        await stage.until("gpu1: password")
        await stage.press("x", "escape")
        assert await answer is None


async def test_a_host_key_is_shown_and_only_y_accepts_it() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(KEY))
        await stage.until("SHA256:abcdef ED25519")
        await stage.press("enter", "space")
        assert not answer.done()
        await stage.press("y")
        assert await answer == "yes"
        answer = asyncio.create_task(prompter.ask(KEY))
        await stage.until("SHA256:abcdef ED25519")
        await stage.press("n")
        assert await answer is None


async def test_what_a_server_says_is_neither_markup_nor_an_escape_sequence() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter, size=(80, 24)) as stage:
        text = "[red]hi[/red]\x1b[2J\x07\n" + "line\n" * 50 + "x" * 5000
        answer = asyncio.create_task(prompter.ask(Question("gpu1", "gpu1", text)))
        await stage.until("[red]hi[/red]␛[2J␇")
        assert all(line.isprintable() for line in stage.lines)
        assert "enter answer" in stage.screen
        await stage.press("escape")
        assert await answer is None


async def test_however_much_a_server_says_its_question_and_the_place_for_the_answer_are_seen() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter, size=(80, 24)) as stage:
        text = "\n".join(["a banner that goes on and on " * 6] * 20) + "\nPassword for u@gpu1:"
        answer = asyncio.create_task(prompter.ask(Question("gpu1", "gpu1: password", text)))
        await stage.until("enter answer   esc decline")
        assert "Password for u@gpu1:" in stage.screen
        assert stage.app.screen.query_one(Input).region.bottom < 24
        await stage.press("escape")
        assert await answer is None


async def test_whoever_gives_up_takes_the_question_away() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(PASSWORD))
        await stage.until("gpu1: password")
        answer.cancel()
        await stage.when(lambda: not isinstance(stage.app.screen, QuestionScreen))
        later = asyncio.create_task(prompter.ask(CODE))
        await stage.until("csc: code")
        await stage.press("escape")
        assert await later is None


async def test_who_asks_before_the_board_is_up_waits_for_it() -> None:
    prompter = ModalPrompter()
    answer = asyncio.create_task(prompter.ask(PASSWORD))
    async with board(row(1), prompter=prompter) as stage:
        await stage.until("gpu1: password")
        await stage.press("x", "enter")
        assert await answer == "x"


async def test_an_open_question_is_declined_when_the_board_goes() -> None:
    prompter = ModalPrompter()
    async with board(row(1), prompter=prompter) as stage:
        answer = asyncio.create_task(prompter.ask(PASSWORD))
        await stage.until("gpu1: password")
    assert await answer is None
    assert await prompter.ask(CODE) is None
