"""What should not leave this machine unasked."""

from __future__ import annotations

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.listing import matcher
from trainboard import doubts
from trainboard.doubts import LARGE, MANY, TOGETHER, Doubt, by_stat, covered, fits, heaviest, secret_in, too_much


def status(size: int, mode: int = stat.S_IFREG) -> os.stat_result:
    """What `lstat` says of a file of this size."""
    return os.stat_result((mode, 0, 0, 0, 0, 0, size, 0, 0, 0))


def paths(found: list[Doubt]) -> list[str]:
    return [doubt.path for doubt in found]


def nothing(path: str) -> bool:
    return False


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "conf/.env.local",
        "id_rsa",
        "keys/ID_ED25519",
        "a.pem",
        "b.KEY",
        "credentials.json",
        ".netrc",
        ".aws/config",
    ],
)
def test_a_file_that_is_named_like_a_secret_is_doubtful(path: str) -> None:
    assert by_stat({path: status(10)}, nothing) == [Doubt(path, "named like a secret", 10)]


@pytest.mark.parametrize("path", ["train.py", ".env.example", "environment.yml", "keys.py", "my_id_rsa.py", "monkey"])
def test_an_ordinary_name_is_none(path: str) -> None:
    assert by_stat({path: status(10)}, nothing) == []


def test_a_large_file_is_doubtful_and_a_link_to_one_is_not() -> None:
    found = {"model.pt": status(LARGE + 1), "small.pt": status(LARGE), "link": status(LARGE + 1, stat.S_IFLNK)}
    assert by_stat(found, nothing) == [Doubt("model.pt", "10M", LARGE + 1)]


def test_what_is_allowed_raises_no_doubt_and_counts_for_nothing() -> None:
    found = {f"data/{number}": status(LARGE) for number in range(50)} | {".env": status(1), "a.py": status(5)}
    assert by_stat(found, lambda path: path.startswith(("data/", "."))) == []


def test_a_folder_of_data_is_named_as_a_whole() -> None:
    found = {"src/train.py": 1000, "readme.md": 10} | {f"src/data/{n % 40}/{n}.png": 1 << 20 for n in range(100)}
    [doubt] = too_much(found)
    assert doubt == Doubt("src/data/", "100M in 100 files, too much with all the rest", 100 << 20)


def test_what_a_doubt_names_can_be_allowed_as_it_is() -> None:
    found = {f"src/data/{n}.png": status(1 << 20) for n in range(100)} | {"src/train.py": status(1)}
    [doubt] = by_stat(found, nothing)
    assert by_stat(found, matcher([doubt.path])) == []


def test_too_many_files_are_as_doubtful_as_too_large_ones() -> None:
    found = {f"cache/{n}": 1 for n in range(MANY)} | {"train.py": 10}
    assert paths(too_much(found)) == ["cache/"]


def test_files_that_lie_at_the_top_are_named_one_by_one_as_many_as_must() -> None:
    found = {f"{n:02}.npy": 1 << 20 for n in range(70)} | {"train.py": 10}
    named = too_much(found)
    assert len(named) == 7
    assert "train.py" not in paths(named)


trees = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join), st.integers(0, LARGE), max_size=60
)


@given(trees)
def test_without_what_is_named_the_rest_is_little_enough(sizes: dict[str, int]) -> None:
    heavy = {f"{path}.f": size * 3 for path, size in sizes.items()}
    named = too_much(heavy)
    left = {path: size for path, size in heavy.items() if not covered(named)(path)}
    assert fits(left)
    assert bool(named) == (not fits(heavy))
    assert sum(doubt.size for doubt in named) + sum(left.values()) == sum(heavy.values())


@given(trees.filter(bool))
def test_the_heaviest_parts_are_parts(sizes: dict[str, int]) -> None:
    files = {f"{path}.f": size for path, size in sizes.items()}
    for part in heaviest(files):
        assert any(doubts.meant(part, path) for path in files)


HEX = "0123456789abcdef" * 3

# Put together here, so that whoever looks for secrets in this repository finds none.
SECRETS = {
    "a private key": ["-----BEGIN " + "PRIVATE KEY-----", "-----BEGIN RSA " + "PRIVATE KEY-----"],
    "an AWS key": ["AWS_KEY=" + "AKIA" + "Q" * 16, "'ASIA" + "7" * 16 + "'"],
    "a GitHub token": ["gh" + "p_" + "a" * 36, "github" + "_pat_" + "B" * 60],
    "a Hugging Face token": ["token = 'hf" + "_" + "c" * 34 + "'"],
    "a W&B key": ["export WANDB_API_KEY=" + HEX[:40], "wandb.login(key='" + HEX[:40] + "')"],
}


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in SECRETS.items() for text in texts])
def test_a_secret_is_known_by_its_shape(what: str, text: str) -> None:
    assert secret_in(b"\xff\x00 before\n" + text.encode() + b"\nafter") == what


@pytest.mark.parametrize(
    "text",
    [
        "the right path, high and low: ghosts",
        f"sha1 {HEX[:40]}",
        f"wandb: {HEX}",
        "wandb\n" + HEX[:40],
        "AKIA is how they begin",
        "PRIVATE KEY",
        "hf_hub_download(repo)",
    ],
)
def test_what_only_sounds_like_one_is_none(text: str) -> None:
    assert secret_in(text.encode()) == ""


def test_the_limits_leave_room_for_ordinary_projects() -> None:
    assert TOGETHER > LARGE
    assert fits({f"src/{n}.py": 30_000 for n in range(2000)})
