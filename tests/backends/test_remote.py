"""The helper's frames and the rules for files that are sent to a host."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import remote, runner
from backends.host import helper_command, helper_source
from backends.remote import attempts, files
from backends.remote.attempts import attempt_state, process_start
from backends.remote.frames import GREETING, Decoder, Failure, encode

if TYPE_CHECKING:
    from types import ModuleType

headers = st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.none(), st.lists(st.text())))


@given(st.lists(st.tuples(headers, st.binary())), st.integers(min_value=1, max_value=64))
def test_frames_survive_any_cutting(frames: list[tuple[dict[str, Any], bytes]], piece: int) -> None:
    stream = b"".join(encode(header, payload) for header, payload in frames)
    decoder = Decoder()
    found = [frame for at in range(0, len(stream), piece) for frame in decoder.feed(stream[at : at + piece])]
    assert found == frames


def test_a_stream_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        list(Decoder().feed(b"Welcome to gpu1, last login yesterday"))


SENT = [import_module(f"{remote.__name__}.{name}") for name in remote.MODULES]


@pytest.mark.parametrize("module", [*SENT, runner], ids=lambda module: module.__name__)
def test_what_is_sent_to_hosts_is_python_3_6_and_imports_the_standard_library_only(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # Of our own only what is sent before it.
    own = [name for name in imported if name.startswith("backends.remote")]
    before = SENT[: SENT.index(module)] if module in SENT else []
    assert set(own) - {remote.__name__} <= {each.__name__ for each in before}
    assert imported - set(own) <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]


def test_the_helper_starts_from_its_command_line_in_any_shell(tmp_path: Path) -> None:
    for shell in ("sh", "bash", "dash", "tcsh", "fish"):
        if not any(Path(folder, shell).exists() for folder in os.environ["PATH"].split(":")):
            continue
        request = encode({"id": 1, "op": "exists", "path": str(tmp_path)})
        done = subprocess.run(
            [shell, "-c", helper_command(sys.executable)],
            input=helper_source() + request,
            capture_output=True,
            timeout=30,
        )
        assert GREETING in done.stdout, (shell, done.stderr)


def test_the_helper_ends_with_its_connection_and_ends_what_it_ran(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys;exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert helper.stdin is not None
    assert helper.stdout is not None
    pid_file = tmp_path / "pid"
    argv = ["sh", "-c", f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 600"]
    request = {"id": 1, "op": "run", "argv": argv, "timeout": 600, "cap": 1000, "cwd": str(tmp_path)}
    helper.stdin.write(helper_source() + encode(request))
    helper.stdin.flush()
    while not pid_file.exists():
        assert helper.poll() is None
    helper.stdin.close()
    assert helper.wait(20) == 0
    pid = int(pid_file.read_text())
    assert wait_until_gone(pid)
    helper.stdout.close()


def wait_until_gone(pid: int) -> bool:
    """Whether a process has ended, or does within ten seconds."""
    gone = threading.Event()
    for _ in range(200):
        if process_start(pid) is None:
            return True
        gone.wait(0.05)
    return False


def publish(path: Path, token: str, **contents: bytes) -> dict[str, Any]:
    """Put a folder in place as the helper does."""
    listed = [[name, len(data), 0o600] for name, data in contents.items()]
    header = {"path": str(path), "token": token, "files": listed}
    return files.publish(header, b"".join(contents.values()))[0]


def test_a_folder_is_published_whole_or_not_at_all(tmp_path: Path) -> None:
    attempt = tmp_path / "runs/e/r/1"
    with pytest.raises(FileNotFoundError):
        publish(attempt, "aa", **{"plan.json": b"{}", "no/such/folder": b"x"})
    assert list(attempt.parent.iterdir()) == []
    publish(attempt, "aa", **{"plan.json": b'{"token": "aa"}', "run.sh": b"true"})
    assert sorted(path.name for path in attempt.iterdir()) == ["plan.json", "run.sh", "state"]
    assert attempt.stat().st_mode & 0o777 == 0o700


def test_publishing_twice_with_the_same_token_is_once_and_with_another_refused(tmp_path: Path) -> None:
    attempt = tmp_path / "1"
    publish(attempt, "aa", **{"plan.json": b'{"token": "aa"}'})
    publish(attempt, "aa", **{"plan.json": b'{"token": "aa"}'})
    with pytest.raises(Failure, match="another attempt"):
        publish(attempt, "bb", **{"plan.json": b'{"token": "bb"}'})


def test_an_attempt_that_has_not_begun_can_be_withdrawn_and_then_never_begins(tmp_path: Path) -> None:
    attempt = tmp_path / "1"
    plan = b'{"token": "aa", "shell": ["sh"], "grace": 1, "log": null}'
    publish(attempt, "aa", **{"plan.json": plan, "run.sh": b"touch ran"})
    assert attempts.cancel({"path": str(attempt), "token": "aa"}, b"")[0] == {"done": "withdrawn"}
    subprocess.run([sys.executable, runner.__file__, str(attempt)], check=True, timeout=30)
    assert not (attempt / "ran").exists()
    assert attempt_state(str(attempt))["exit"]["state"] == "CANCELLED"
