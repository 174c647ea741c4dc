"""Quotas as `quota -w -p` and `lfs quota -q` print them; the texts are written by hand from their manual pages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.checks import Space
from backends.quota import parse_quota

NFS = """\
Disk quotas for user me (uid 1000):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
server:/home 1500000  2000000 3000000       0   40000  100000  120000       0
/dev/sda1 10 0 0 0 5 0 0 0
"""


def test_the_quota_of_the_device_counts_by_its_hard_limit() -> None:
    assert parse_quota("user", NFS, "server:/home") == (Space("user quota", 1500000 * 1024, 80000),)


def test_a_device_without_limits_has_no_quota() -> None:
    assert parse_quota("user", NFS, "/dev/sda1") == ()
    assert parse_quota("user", "Disk quotas for user me (uid 1000): none\n", "/dev/sda1") == ()


def test_a_quota_that_is_exceeded_leaves_nothing() -> None:
    text = NFS.replace("1500000  2000000", "3500000* 2000000")
    assert parse_quota("user", text, "server:/home") == (Space("user quota", 0, 80000),)


def test_a_soft_limit_counts_where_there_is_no_other() -> None:
    text = "Disk quotas for user me (uid 1000):\n x 100 500 0 0 7 0 0 0\n"
    assert parse_quota("user", text, "x") == (Space("user quota", 400 * 1024, None),)


def test_lustre_names_the_folder_and_not_the_device() -> None:
    text = "/scratch/project_2001234/a/rather/long/name\n                [90]*  0 100 - 12 0 20 -\n"
    assert parse_quota("project", text, "10.0.0.1@o2ib:/scratch") == (Space("project quota", 10 * 1024, 8),)
    assert parse_quota("user", text, "10.0.0.1@o2ib:/scratch") == (Space("user quota", 10 * 1024, 8),)


@settings(max_examples=60)
@given(st.text(max_size=400), st.text(max_size=20))
def test_any_text_is_parsed_or_left_aside(text: str, device: str) -> None:
    assert isinstance(parse_quota("user", text, device), tuple)
