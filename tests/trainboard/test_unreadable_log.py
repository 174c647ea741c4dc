"""A log that is there and cannot be read is said to be so, here and over a real SSH server."""

from pathlib import Path

import pytest

from tests.trainboard.test_cli import Shell, everywhere, shell

__all__ = ["everywhere", "shell"]
SPEC = "name: small\ncommand: echo step 1 loss=0.5\nwhere: [%s]\n"


@pytest.mark.parametrize(("fixture", "where"), [("shell", "local"), ("everywhere", "gpu1")])
def test_a_log_that_cannot_be_read_is_told_and_is_no_empty_one(
    fixture: str, where: str, request: pytest.FixtureRequest
) -> None:
    shell: Shell = request.getfixturevalue(fixture)
    shell.write("w.yaml", SPEC % where)
    [row] = shell.json("submit", "w.yaml")
    run = row["run"]
    assert "loss=0.5" in shell.done("logs", "-f", run)
    log = Path(shell.json("show", run)["log"])
    log.unlink()
    log.symlink_to(log)  # not even root reads it
    told = f"{log} cannot be read: Too many levels of symbolic links"
    for command in (("logs", run), ("logs", "-f", run)):
        found = shell(*command)
        assert (found.returncode, found.stdout) == (1, "")
        [line] = found.stderr.splitlines()
        assert line.endswith(told)
    assert told in shell("metrics", run).stderr
    log.unlink()
    assert shell.done("logs", run) == ""  # it is not there: that is no trouble with reading it
