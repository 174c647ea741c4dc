"""Project code on its way to a host that does not share it: by content, whole, and on from where it was cut off."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import stat
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import Archive, BackendError, CodeFile, HostUnreachable, Plan, Rejected
from backends.code import PIECE, CodeSender, batches
from backends.host import Host, helper_command
from backends.local import LocalLink
from backends.remote import code as remote
from backends.remote.frames import Decoder, Failure
from backends.script import enter
from backends.snapshot import blob, manifest, snapshot_of
from backends.upload import Uploads
from tests.backends.projects import packed

if TYPE_CHECKING:
    from collections.abc import Callable

    from backends.base import Snapshot

    Heard = tuple[dict[str, Any], bytes]


class Tapped(LocalLink):
    """A line to the helper that is listened to, and that breaks where a test wants it."""

    def __init__(self, heard: list[Heard], breaks: Callable[[dict[str, Any]], bool]) -> None:
        super().__init__()
        self._heard, self._breaks = heard, breaks
        self._tap, self._first = Decoder(), True

    async def write(self, data: bytes) -> None:
        """Listen."""
        if not self._first:
            for header, payload in self._tap.feed(data):
                if self._breaks(header):
                    await self.close()
                    raise HostUnreachable("gpu9: the connection was lost")
                self._heard.append((header, payload))
        self._first = False
        await super().write(data)


class Line:
    """A sender to a root on this machine, and what it says to the helper."""

    def __init__(self, root: Path, breaks: Callable[[dict[str, Any]], bool] = lambda header: False) -> None:
        self.heard: list[Heard] = []

        async def open_link() -> Tapped:
            return Tapped(self.heard, breaks)

        self.host = Host("gpu9", open_link)
        self.root = root
        self.sender = CodeSender(self.host, str(root))

    async def send(self, code: Snapshot) -> list[Heard]:
        """Send it; what was said for that."""
        self.heard.clear()
        await self.sender.send(code)
        return list(self.heard)

    def tree(self, code: Snapshot) -> Path:
        """Where it is then."""
        return self.root / ".code/trees" / code.digest


def sent(heard: list[Heard]) -> list[str]:
    """The digests of the small blobs that were sent, in order."""
    return [digest for header, _ in heard if header["op"] == "blobs" for digest, _ in header["blobs"]]


def offsets(heard: list[Heard]) -> list[int]:
    """Where the pieces of large blobs began."""
    return [header["offset"] for header, _ in heard if header["op"] == "piece"]


def looks(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Everything in a folder: kind and content, by path."""
    found = {}
    for base, folders, names in os.walk(folder):
        for name in [*names, *(each for each in folders if Path(base, each).is_symlink())]:
            path = Path(base, name)
            if path.is_symlink():
                found[str(path.relative_to(folder))] = ("link", os.fsencode(path.readlink()))
            else:
                kind = "program" if path.stat().st_mode & stat.S_IXUSR else "file"
                found[str(path.relative_to(folder))] = (kind, path.read_bytes())
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with everything that there may be in one."""
    folder = tmp_path / "project"
    (folder / "src/deep").mkdir(parents=True)
    (folder / "src/train.py").write_text("print(1)\n")
    (folder / "src/deep/twin.py").write_text("print(1)\n")
    (folder / "empty").touch()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "not run.sh").write_text("#!/bin/sh\n")
    (folder / "link").symlink_to("src/train.py")
    (folder / "folder").symlink_to("src")
    (folder / "broken").symlink_to("/no/such/file")
    return folder


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


async def test_a_tree_is_what_the_project_was(project: Path, tmp_path: Path) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    await line.send(code)
    assert looks(line.tree(code)) == looks(project)
    modes = {path.stat().st_mode & 0o222 for path in line.tree(code).rglob("*") if path.is_file()}
    assert modes == {0}


async def test_what_is_there_already_costs_one_question(project: Path, tmp_path: Path) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    first = await line.send(code)
    assert [header["op"] for header, _ in first] == ["code", "tree", "blobs", "tree"]
    assert [header["op"] for header, _ in await line.send(code)] == ["code"]


async def test_only_what_changed_is_sent(project: Path, tmp_path: Path) -> None:
    line, before = Line(tmp_path / "root"), packed(project)
    assert len(sent(await line.send(before))) == 3  # twins are one
    (project / "src/train.py").write_text("print(2)\n")
    (project / "run.sh").rename(project / "go.sh")
    after = packed(project)
    assert sent(await line.send(after)) == [hashlib.sha256(b"print(2)\n").hexdigest()]
    assert looks(line.tree(after)) == looks(project)
    assert (line.tree(before) / "src/train.py").read_text() == "print(1)\n"


@pytest.mark.parametrize("at", range(8))
async def test_a_line_that_breaks_anywhere_is_gone_on_with(project: Path, tmp_path: Path, at: int) -> None:
    (project / "large.bin").write_bytes(noise(1, 2 * PIECE + 5))
    for number in range(3):
        (project / f"part{number}.bin").write_bytes(noise(number, PIECE - 10))
    code, left = packed(project), [at]

    def breaks(header: dict[str, Any]) -> bool:
        left[0] -= 1
        return left[0] == -1

    line = Line(tmp_path / "root", breaks)
    with pytest.raises(BackendError):
        await line.send(code)
    came = list(line.heard)
    again = await Line(tmp_path / "root").send(code)
    assert looks(line.tree(code)) == looks(project)
    both = came + again
    assert len(sent(both)) == len(set(sent(both))) == 6
    assert sorted(offsets(both)) == [0, PIECE, 2 * PIECE]


async def test_half_a_piece_is_gone_on_with_by_whoever_comes_next(project: Path, tmp_path: Path) -> None:
    content = noise(1, 2 * PIECE + 5)
    (project / "large.bin").write_bytes(content)
    code = packed(project)
    part = tmp_path / "root/.code/parts" / hashlib.sha256(content).hexdigest()
    part.parent.mkdir(parents=True)
    part.write_bytes(content[: PIECE + 77])
    line = Line(tmp_path / "root")
    assert offsets(await line.send(code)) == [PIECE + 77]
    assert (line.tree(code) / "large.bin").read_bytes() == content
    assert not part.exists()


@pytest.mark.parametrize("came", [PIECE, 2 * PIECE + 5, 3 * PIECE])
async def test_a_damaged_part_is_sent_anew(project: Path, tmp_path: Path, came: int) -> None:
    content = noise(1, 2 * PIECE + 5)
    (project / "large.bin").write_bytes(content)
    code = packed(project)
    part = tmp_path / "root/.code/parts" / hashlib.sha256(content).hexdigest()
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(came))
    line = Line(tmp_path / "root")
    await line.send(code)
    assert (line.tree(code) / "large.bin").read_bytes() == content


@pytest.mark.parametrize("harm", ["file", "size", "link", "tree", "list", "blob"])
async def test_what_a_site_clears_away_comes_back(project: Path, tmp_path: Path, harm: str) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    await line.send(code)
    tree = line.tree(code)
    if harm in ("file", "blob"):
        (tree / "src/train.py").unlink()
    if harm == "blob":
        blob(tmp_path / "root/.code/blobs", hashlib.sha256(b"print(1)\n").hexdigest()).unlink()
    if harm == "size":
        (tree / "src/train.py").chmod(0o600)
        (tree / "src/train.py").write_text("")
    if harm == "link":
        (tree / "link").unlink()
    if harm == "tree":
        tree.rename(tmp_path / "aside")
    if harm == "list":
        tree.with_name(f"{code.digest}.json").unlink()
    await line.send(code)
    assert looks(tree) == looks(project)
    assert sorted(path.name for path in tree.parent.iterdir()) == [code.digest, f"{code.digest}.json"]


async def test_many_may_send_the_same_at_once(project: Path, tmp_path: Path) -> None:
    (project / "large.bin").write_bytes(noise(1, 3 * PIECE))
    code, lines = packed(project), [Line(tmp_path / "root") for _ in range(6)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(line.send(code) for line in lines))
    assert looks(lines[0].tree(code)) == looks(project)
    assert sorted(path.name for path in (tmp_path / "root/.code/trees").iterdir()) == [
        code.digest,
        f"{code.digest}.json",
    ]
    assert list((tmp_path / "root/.code/parts").iterdir()) == []


@pytest.mark.parametrize("size", [100, 2 * PIECE])
async def test_what_is_gone_or_damaged_here_is_refused_with_what_to_do(
    project: Path, tmp_path: Path, size: int
) -> None:
    content = noise(1, size)
    (project / "model.bin").write_bytes(content)
    code = packed(project)
    kept = blob(code.blobs, hashlib.sha256(content).hexdigest())
    kept.write_bytes(content[:50])
    with pytest.raises(Rejected, match="damaged") as no:
        await Line(tmp_path / "root").send(code)
    assert no.value.advice == "submit it again"
    kept.write_bytes(bytes(size))
    with pytest.raises(Rejected, match=r"damaged|does not arrive as it was"):
        await Line(tmp_path / "root").send(code)
    kept.unlink()
    with pytest.raises(Rejected, match=r"'model.bin' of the project is not kept any more"):
        await Line(tmp_path / "root").send(code)


async def test_an_empty_project_has_an_empty_tree(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    line, code = Line(tmp_path / "root"), packed(tmp_path / "project")
    await line.send(code)
    assert list(line.tree(code).iterdir()) == []


async def test_code_that_was_seen_a_moment_ago_is_not_asked_for_again(project: Path, tmp_path: Path) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    uploads = Uploads(line.host, str(tmp_path / "root"), None)
    await asyncio.gather(*(uploads.code(code) for _ in range(5)))
    await uploads.code(code)
    assert [header["op"] for header, _ in line.heard].count("code") == 1


async def test_an_archive_of_an_older_version_is_still_sent(tmp_path: Path) -> None:
    line = Line(tmp_path / "root")
    uploads = Uploads(line.host, str(tmp_path / "root"), None)
    for _ in range(2):
        await uploads.code(Archive("ab12", b"archive"))
    assert (tmp_path / "root/.code/ab12.tar.gz").read_bytes() == b"archive"
    assert [header["op"] for header, _ in line.heard] == ["exists", "put", "exists"]


names = st.binary(min_size=1, max_size=60).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in (b".", b"..", b".git", b".gitignore")
)


@settings(max_examples=15, deadline=None)
@given(st.sets(names, min_size=1, max_size=4))
def test_any_file_name_arrives_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, odd: set[bytes]) -> None:
    base = tmp_path_factory.mktemp("odd")
    (base / "project").mkdir()
    for name in odd:
        Path(base, "project", os.fsdecode(name)).write_bytes(name)
    line, code = Line(base / "root"), packed(base / "project")
    asyncio.run(line.send(code))
    assert looks(line.tree(code)) == looks(base / "project")


class OverPipes:
    """A helper in a process of its own, on a host without a language."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def open(cls) -> OverPipes:
        """Start it."""
        plain = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        shell = ("sh", "-c", helper_command("python3"))
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*shell, stdin=pipe, stdout=pipe, env=plain))

    async def write(self, data: bytes) -> None:
        """To the helper."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def read(self) -> bytes:
        """From the helper."""
        assert self._process.stdout is not None
        return await self._process.stdout.read(1 << 16)

    async def farewell(self) -> str:
        """Nothing."""
        return ""

    async def close(self) -> None:
        """The helper ends with its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def test_names_arrive_as_they_are_where_the_host_has_no_language(project: Path, tmp_path: Path) -> None:
    (project / "ünï").mkdir()
    (project / "ünï/é.py").write_text("x")
    (project / "lïnk").symlink_to("ünï")
    (project / os.fsdecode(b"\xff\xfe")).write_text("y")
    host, code = Host("gpu9", OverPipes.open), packed(project)
    sender = CodeSender(host, str(tmp_path / "root"))
    try:
        for _ in range(2):
            await sender.send(code)
    finally:
        await host.close()
    assert looks(tmp_path / "root/.code/trees" / code.digest) == looks(project)


@given(st.lists(st.integers(0, PIECE)))
def test_batches_hold_every_file_once_and_are_bounded(sizes: list[int]) -> None:
    files = [CodeFile(str(number), "", size) for number, size in enumerate(sizes)]
    made = list(batches(files))
    assert [file for batch in made for file in batch] == files
    assert all(sum(file.size for file in batch) <= PIECE for batch in made)


# what the host does by itself


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "", ".", "a/"])
def test_a_list_that_leaves_its_tree_is_refused(tmp_path: Path, path: str) -> None:
    content = hashlib.sha256(b"x").hexdigest()
    text = json.dumps([[path, "f", 1, content]]).encode()
    with pytest.raises(Failure, match="leaves the project"):
        remote.tree(
            {"root": str(tmp_path), "digest": hashlib.sha256(text).hexdigest()},
            zlib.compress(text),
        )


@pytest.mark.parametrize("digest", ["../../../x", "A" * 64, "", "0" * 63])
def test_what_is_no_digest_is_no_name_of_a_blob(tmp_path: Path, digest: str) -> None:
    with pytest.raises(Failure, match="no digest"):
        remote.piece({"root": str(tmp_path), "digest": digest, "offset": 0, "size": 1}, zlib.compress(b"x"))


def test_a_list_that_is_not_what_its_digest_says_makes_no_tree(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="digest"):
        remote.tree({"root": str(tmp_path), "digest": "0" * 64}, zlib.compress(b"[]"))


def test_a_blob_that_is_not_what_its_digest_says_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="damaged"):
        remote.blobs({"root": str(tmp_path), "blobs": [["0" * 64, 1]]}, zlib.compress(b"x"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_is_copied_where_there_are_no_links_across(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    (tmp_path / "blob").write_bytes(b"content")
    target = elsewhere / f"trainboard-{os.getpid()}"
    try:
        remote.put_file(str(tmp_path / "blob"), os.fsencode(target), False)
        assert target.read_bytes() == b"content"
        assert target.stat().st_mode & 0o777 == 0o444
    finally:
        target.unlink()


async def test_what_nobody_wants_for_long_is_cleared_and_the_rest_stays(project: Path, tmp_path: Path) -> None:
    line, old = Line(tmp_path / "root"), packed(project)
    await line.send(old)
    place = tmp_path / "root/.code"
    (place / "parts").mkdir(exist_ok=True)
    for name in ("parts/half", "parts/young", "trees/x.1.tmp"):
        (place / name).touch()
    for path in (*place.rglob("*"), *(place / "blobs").rglob("*")):
        if "young" not in path.name and not path.is_symlink():
            os.utime(path, (1, 1))
    (project / "src/train.py").write_text("print(2)\n")
    (project / "src/deep/twin.py").unlink()
    new = packed(project)
    await line.send(new)
    assert sorted(path.name for path in (place / "trees").iterdir()) == [new.digest, f"{new.digest}.json"]
    assert [path.name for path in (place / "parts").iterdir()] == ["young"]
    kept = {path.name for path in (place / "blobs").rglob("*") if path.is_file()}
    assert hashlib.sha256(b"print(1)\n").hexdigest() not in kept
    assert {file.digest for file in new.files if file.digest} - {hashlib.sha256(b"#!/bin/sh\n").hexdigest()} <= kept
    await line.send(new)
    assert looks(line.tree(new)) == looks(project)


# what run.sh does


def entered(plan: Plan, attempt: Path) -> Path:
    """Do what run.sh does first; the folder in which the program then is."""
    done = subprocess.run(
        ["sh", "-c", f"{enter(plan)}\npwd"], cwd=attempt, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


async def test_a_run_has_a_copy_of_its_own_which_it_may_change(project: Path, tmp_path: Path, a_plan: Plan) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    await line.send(code)
    attempt = tmp_path / "root" / a_plan.folder
    attempt.mkdir(parents=True)
    plan = replace(a_plan, code=code)
    place = entered(plan, attempt)
    assert place == attempt / "code"
    assert looks(place) == looks(project)
    own = [path.stat() for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    assert all(status.st_mode & stat.S_IWUSR for status in own)
    assert {status.st_mtime // 86400 // 365 for status in own} == {30}  # of 2000: no result of the run
    (place / "src/train.py").write_text("changed\n")
    assert (line.tree(code) / "src/train.py").read_text() == "print(1)\n"
    assert (entered(plan, attempt) / "src/train.py").read_text() == "changed\n"  # a second life goes on with it


async def test_a_copy_that_was_cut_off_is_begun_anew(project: Path, tmp_path: Path, a_plan: Plan) -> None:
    line, code = Line(tmp_path / "root"), packed(project)
    await line.send(code)
    attempt = tmp_path / "root" / a_plan.folder
    (attempt / "code.part/run.sh").mkdir(parents=True)
    (attempt / "code.part/more").write_text("half")
    (attempt / "code.part/more").chmod(0o444)
    assert looks(entered(replace(a_plan, code=code), attempt)) == looks(project)


@pytest.fixture
def a_plan() -> Plan:
    """An attempt."""
    from specs.model import Resources, SlurmOptions

    return Plan("t", "x-1", "000-x", 1, "true", "", "", {}, {}, Resources(), SlurmOptions(), Path("/nowhere"))


def test_a_snapshot_says_which_files_it_has_and_not_what_is_in_them() -> None:
    code = snapshot_of([CodeFile("a", "0" * 64, 1)], Path("/here"))
    assert "/here" not in manifest(code.files).decode()
