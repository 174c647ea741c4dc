"""The known_hosts files, and what aliases and untrusted text become."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import hostkeys
from backends.sshconfig import Address, parse_address
from backends.text import one_line, paragraph

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Xq4Q0lq7m5a0mJm6v3rY6s3cO0eJ0m5mQ4c1Vb0kZ"


def known(*lines: str) -> hostkeys.KnownHosts:
    return hostkeys.KnownHosts(tuple(hostkeys.parse("\n".join(lines), Path("kh"))))


@pytest.mark.parametrize(
    ("hosts", "name", "speaks"),
    [
        ("gpu1", "gpu1", True),
        ("GPU1", "gpu1", True),
        ("gpu1", "gpu10", False),
        ("a,gpu1,b", "gpu1", True),
        ("gpu?", "gpu1", True),
        ("*.org", "x.y.org", True),
        ("*.org,!x.y.org", "x.y.org", False),
        ("[gpu1]:2222", "[gpu1]:2222", True),
        ("[gpu1]:2222", "gpu1", False),
        ("[gpu*]:2222", "[gpu1]:2222", True),
        ("gpu.", "gpu1", False),
        ("|1|no|base64|at|all", "gpu1", False),
        ("|1|%%%|%%%", "gpu1", False),
    ],
)
def test_patterns_match_as_in_ssh(hosts: str, name: str, speaks: bool) -> None:
    assert bool(known(f"{hosts} {KEY}").about(name)) is speaks


def test_a_hashed_name_matches() -> None:
    salt = b"s" * 20
    digest = hmac.new(salt, b"[gpu1]:2222", hashlib.sha1).digest()
    hosts = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    (found,) = known(f"{hosts} {KEY}").about("[gpu1]:2222")
    assert found.place == "kh:1"
    assert known(f"{hosts} {KEY}").about("gpu1") == ()


def test_lines_that_make_no_sense_are_passed_over_and_still_counted() -> None:
    (found,) = known("# gpu1 x y", "", "gpu1", "@odd gpu1 a b", f"@revoked gpu1 {KEY} comment").about("gpu1")
    assert (found.line, found.marker, found.key) == (5, "revoked", KEY)


def test_a_line_is_appended_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("torn")
    hostkeys.append(path, "gpu1", KEY)
    hostkeys.append(path, "gpu2", KEY)
    assert path.read_text() == f"torn\ngpu1 {KEY}\ngpu2 {KEY}\n"


def test_a_device_as_known_hosts_keeps_nothing() -> None:
    hostkeys.append(Path("/dev/null"), "gpu1", KEY)
    assert hostkeys.read([Path("/dev/null")]) == hostkeys.KnownHosts()


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    for key in hostkeys.parse(text, Path("kh")):
        key.speaks_of("gpu1")


@pytest.mark.parametrize(
    ("alias", "address"),
    [
        ("gpu1", Address("gpu1")),
        ("me@gpu1", Address("gpu1", None, "me")),
        ("me@x@gpu1:2222", Address("gpu1", 2222, "me@x")),
        ("gpu1:2222", Address("gpu1", 2222)),
        ("::1", Address("::1")),
        ("[::1]:2222", Address("::1", 2222)),
        ("[::1]", Address("::1")),
    ],
)
def test_an_alias_is_taken_apart(alias: str, address: Address) -> None:
    assert parse_address(alias) == address


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (b"\x1b[31mred\x1b[0m\r\nline\ttwo", "red line two"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("a\u202eb\u200bc\x00d", "abcd"),
        (b"bad \xff byte", "bad � byte"),
        ("x" * 300, "x" * 199 + "…"),
        ("  \n\n ", ""),
    ],
)
def test_untrusted_text_becomes_one_line(text: str | bytes, clean: str) -> None:
    assert one_line(text) == clean


@given(st.one_of(st.text(), st.binary()), st.integers(1, 50))
def test_nothing_unprintable_passes(text: str | bytes, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert all(c.isprintable() for c in line)
    assert line == line.strip()


def test_a_paragraph_keeps_its_lines() -> None:
    assert paragraph("\n\none  \x1b[1mtwo\n\n\n\nthree\n") == "one two\n\nthree"
