"""The config file: what it says, what is wrong with it, and how a backend is added to it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backends import hosted
from backends.base import Policy
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.config import BackendConfig, Config, ConfigError, add_backend, load, offered_hosts, parse, ssh_hosts
from trainboard.configedit import with_backend
from trainboard.paths import Paths, paths

HOME = Path("/home/me/.tb")
PATHS = paths({"TRAINBOARD_HOME": str(HOME)})
LOCAL = BackendConfig("local", "local", "", f"{HOME}/runs", 2.0, True, "python3", (f"{HOME}/runs",))


@pytest.fixture
def home(tmp_path: Path) -> Paths:
    return paths({"TRAINBOARD_HOME": str(tmp_path / "home")})


def written(home: Paths, text: str) -> Paths:
    home.config.parent.mkdir(exist_ok=True)
    home.config.write_bytes(text.encode())
    return home


def error_of(text: str) -> str:
    """The line and what is wrong there; the column is in front of that."""
    with pytest.raises(SpecError) as caught:
        parse(text, PATHS)
    line, column, message = caught.value.line, caught.value.column, caught.value.message
    assert str(caught.value) == f"{HOME}/config.yaml:{line}:{column}: {message}"
    return f"{line}: {message}"


# --- Paths


def test_one_variable_moves_everything() -> None:
    assert paths({"TRAINBOARD_HOME": "/x"}) == Paths(
        Path("/x/config.yaml"), Path("/x"), Path("/x/series"), Path("/x/runs"), None
    )


def test_without_it_files_are_where_the_platform_keeps_them() -> None:
    found = paths({})
    assert (found.config.name, found.config.parent.name) == ("config.yaml", "trainboard")
    assert found.state.name == "trainboard"
    assert found.series.parent == found.runs.parent == found.state


def test_a_relative_home_does_not_depend_on_the_folder_of_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths({"TRAINBOARD_HOME": "here"}).state == tmp_path / "here"


def test_asking_for_paths_makes_nothing(tmp_path: Path) -> None:
    paths({"TRAINBOARD_HOME": str(tmp_path / "home"), "TRAINBOARD_SSH_CONFIG": str(tmp_path / "ssh")})
    assert list(tmp_path.iterdir()) == []


# --- What it says


@pytest.mark.parametrize("text", ["", "# only a comment\n", "backends:\n", "backends: {}\n", "poll: 20\n"])
def test_a_config_without_backends_is_this_machine(text: str) -> None:
    assert parse(text, PATHS) == Config(HOME / "config.yaml", (LOCAL,))


def test_no_file_is_this_machine(home: Paths) -> None:
    root = str(home.runs)
    assert load(home) == Config(
        home.config, (BackendConfig("local", "local", "", root, 2.0, True, "python3", (root,)),)
    )
    assert not home.state.exists()


def test_every_key_reaches_its_backend(home: Paths) -> None:
    text = """
poll: 1m
backends:
  laptop: {kind: local, root: /data/runs, disks: [/data, ~/x]}
  gpu1: {kind: ssh}
  triton:
    kind: slurm
    host: me@triton.example.org:2222
    poll: 30
    root: /scratch/me/trainboard
    shared: true
    python: /opt/py/bin/python3
    disks: /scratch
  csc: {kind: slurm, host: csc}
"""
    remote = "~/.trainboard/runs"
    ssh_config = Path("/demo/ssh_config")
    home = paths({"TRAINBOARD_HOME": str(home.state), "TRAINBOARD_SSH_CONFIG": str(ssh_config)})
    assert load(written(home, text)).backends == (
        BackendConfig("laptop", "local", "", "/data/runs", 2.0, True, "python3", ("/data", "~/x")),
        BackendConfig("gpu1", "ssh", "gpu1", remote, 2.0, False, "python3", (remote,), ssh_config),
        BackendConfig(
            "triton",
            "slurm",
            "me@triton.example.org:2222",
            "/scratch/me/trainboard",
            30.0,
            True,
            "/opt/py/bin/python3",
            ("/scratch",),
            ssh_config,
        ),
        BackendConfig("csc", "slurm", "csc", remote, 60.0, False, "python3", (remote,), ssh_config),
    )


def test_a_backend_is_found_by_its_name() -> None:
    config = parse("backends: {a: {kind: local}, b: {kind: ssh}}", PATHS)
    assert config.backend("b") is config.backends[1]
    assert config.backend("c") is None


QUEUES = """
backends:
  gpu1: {kind: ssh, leases: /scratch/leases, at_most: 3, ignore: [python3, viewer], share: true, settle: 2m}
  gpu2: {kind: ssh, ignore: Xorg, settle: 0}
  laptop: {kind: local, at_most: 1}
  triton: {kind: slurm}
pools:
  gpus: [gpu2, gpu1]
  all: [laptop, gpu1, triton, gpu1]
"""


def test_the_rules_of_a_hosts_queue_reach_its_backend() -> None:
    gpu1, gpu2, laptop, triton = parse(QUEUES, PATHS).backends
    assert (gpu1.leases, gpu1.policy) == ("/scratch/leases", Policy(3, ("python3", "viewer"), True, 120.0))
    assert (gpu2.leases, gpu2.policy) == ("/var/tmp/trainboard", Policy(ignore=("Xorg",), settle=0.0))
    assert (laptop.leases, laptop.policy) == ("/var/tmp/trainboard", Policy(1))
    assert triton.policy == Policy()


def test_the_folder_of_the_leases_is_the_one_that_backends_use_by_themselves() -> None:
    assert LOCAL.leases == hosted.LEASES


def test_a_pool_stands_for_its_backends_in_its_order() -> None:
    config = parse(QUEUES, PATHS)
    assert config.pools == {"gpus": ("gpu2", "gpu1"), "all": ("laptop", "gpu1", "triton")}
    assert config.resolve(["gpus"]) == ("gpu2", "gpu1")
    assert config.resolve(["triton", "gpu1", "all"]) == ("triton", "gpu1", "laptop")
    assert config.resolve([]) == ()


def test_a_pool_may_name_this_machine_where_no_backend_is_configured() -> None:
    assert parse("pools: {mine: [local]}", PATHS).resolve(["mine"]) == ("local",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", 'unknown backend "gpu" (did you mean "gpus"?)'),
        ("tritn", 'unknown backend "tritn" (did you mean "triton"?)'),
        ("zz", 'unknown backend "zz" (the config has gpu1, gpu2, laptop, triton, gpus, all)'),
    ],
)
def test_an_unknown_place_names_the_nearest_backend_or_pool(name: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(QUEUES, PATHS).resolve(["gpu1", name])
    assert str(caught.value) == message


# --- What is wrong with it


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pol: 3\n", '1: unknown key "pol" (did you mean "poll"?)'),
        (
            "backends:\n  a: {kind: ssh, hots: x}\n",
            '2: unknown key "backends.a.hots" (did you mean "backends.a.host"?)',
        ),
        (
            "backends:\n  a: {kind: local, host: x}\n",
            '2: unknown key "backends.a.host"; known here: '
            "kind, root, poll, disks, leases, at_most, ignore, share, settle",
        ),
        (
            "backends:\n  a: {kind: slrum}\n",
            '2: "backends.a.kind" must be local, ssh, slurm, not "slrum" (did you mean "slurm"?)',
        ),
        ("backends:\n  a: {host: x}\n", '2: "backends.a.kind" is missing'),
        ("backends:\n  a:\n", '2: "backends.a" must be a mapping of keys to values, not empty'),
        ("backends:\n  a: {kind: ssh}\n  a: {kind: local}\n", '3: key "a" is given twice; first on line 2'),
        ("backends: [a]\n", '1: "backends" must be a mapping of keys to values, not a list'),
        ("- a\n", "1: must be a mapping of keys to values, not a list"),
        ("poll: fast\n", '1: "poll" must be seconds or a duration such as 30s or 1m, not "fast"'),
        ("poll: 0.2\n", '1: "poll" must be between 1 s and 86400 s, not 0.2'),
        ("poll: 0s\n", '1: "poll" must be between 1 s and 86400 s, not "0s"'),
        ("poll: .inf\n", '1: "poll" must be a number, not .inf'),
        ("backends:\n  a: {kind: ssh, shared: 1}\n", '2: "backends.a.shared" must be true or false, not 1'),
        (
            "backends:\n  a: {kind: ssh, root: runs}\n",
            '2: "backends.a.root" must be a path that begins with / or ~/, without variables, not "runs"',
        ),
        (
            "backends:\n  a: {kind: ssh, disks: [/x, $HOME]}\n",
            '2: "backends.a.disks[2]" must be a path that begins with / or ~/, without variables, not "$HOME"',
        ),
        (
            "backends:\n  a: {kind: ssh, python: python3 -i}\n",
            '2: "backends.a.python" must be the name or path of a program, not "python3 -i"',
        ),
        (
            "backends:\n  a: {kind: slurm, at_most: 2}\n",
            '2: unknown key "backends.a.at_most"; known here: kind, host, root, poll, shared, python, disks',
        ),
        ("backends:\n  a: {kind: ssh, at_most: 0}\n", '2: "backends.a.at_most" must be at least 1, not 0'),
        ("backends:\n  a: {kind: ssh, share: sure}\n", '2: "backends.a.share" must be true or false, not "sure"'),
        (
            "backends:\n  a: {kind: ssh, settle: -1}\n",
            '2: "backends.a.settle" must be between 0 s and 3600 s, not -1',
        ),
        (
            "backends:\n  a: {kind: ssh, settle: soon}\n",
            '2: "backends.a.settle" must be seconds or a duration such as 30s or 1m, not "soon"',
        ),
        (
            "backends:\n  a: {kind: ssh, ignore: [Xorg, /bin/x]}\n",
            '2: "backends.a.ignore[2]" must be the name of a process without folder and arguments, as python3, '
            'not "/bin/x"',
        ),
        (
            "backends:\n  a: {kind: ssh, leases: ~/leases}\n",
            '2: "backends.a.leases" must be a path that begins with /, without variables and "..", not "~/leases"',
        ),
        (
            "backends:\n  a: {kind: ssh, leases: /x/../y}\n",
            '2: "backends.a.leases" must be a path that begins with /, without variables and "..", not "/x/../y"',
        ),
        ("pools: [a]\n", '1: "pools" must be a mapping of keys to values, not a list'),
        ("pools:\n  p: local\n", '2: "pools.p" must be a list, not "local"'),
        ("pools:\n  p: []\n", '2: "pools.p" is an empty list; a pool needs at least one backend'),
        ("pools:\n  p: [locl]\n", '2: "pools.p[1]" is no backend: "locl" (did you mean "local"?)'),
        ("pools:\n  p: [local, q]\n  q: [local]\n", '2: "pools.p[2]" is a pool, "q"; a pool takes backends only'),
        ("pools:\n  local: [local]\n", '2: pool "local" has the name of a backend'),
        (
            "pools:\n  a/b: [local]\n",
            "2: pool name \"a/b\" must be 1 to 64 letters, digits, '.', '_' or '-' "
            "that begin with a letter or a digit",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(text: str, message: str) -> None:
    assert error_of(text) == message


@pytest.mark.parametrize("name", ["a b", "-a", "a:b", "ä", "x" * 65, "a/b", '"\\e[31m"'])
def test_a_bad_name_is_refused(name: str) -> None:
    message = error_of(f"backends:\n  {name}: {{kind: ssh}}\n")
    assert message.startswith("2: backend name ")
    assert "\x1b" not in message


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "a;b", "$(x)", '"a\\nb"'])
def test_a_host_that_could_be_an_option_or_shell_text_is_refused(host: str) -> None:
    message = error_of(f"backends:\n  a: {{kind: ssh, host: {host}}}\n")
    assert message.startswith('2: "backends.a.host" must be a host of ~/.ssh/config or an address, not ')


def test_a_config_that_is_no_text_is_an_error_with_its_line(home: Paths) -> None:
    written(home, "").config.write_bytes(b"poll: 5\n\xff\n")
    with pytest.raises(SpecError, match=r"config\.yaml:2:\d+: not UTF-8 text"):
        load(home)
    with pytest.raises(ConfigError, match=r"config\.yaml:2:\d+: not UTF-8 text"):
        add_backend(home.config, "a", "ssh", "a")


def test_a_config_that_cannot_be_read_is_one_line(home: Paths) -> None:
    home.config.mkdir(parents=True)
    with pytest.raises(SpecError, match=r"config\.yaml: this is a folder, not a file"):
        load(home)


PIECES = [
    "backends:",
    "  a:",
    "\n",
    "\t",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "#",
    "|",
    "'",
    '"',
    "&x ",
    " *x",
    "<<:",
    " !!int",
]
WORDS = [
    "pools:",
    " at_most:",
    " settle:",
    " kind:",
    " host:",
    " poll:",
    " root:",
    " disks:",
    " local",
    " ssh",
    " ~/",
    " 1e9",
    " null",
    " 9" * 70,
]
config_texts = st.text() | st.lists(st.sampled_from(PIECES + WORDS), max_size=20).map("".join)


@given(config_texts)
@example("backends: {a: {kind: ssh, python: ''}}")
@example("backends: {a: {kind: ssh, python: 5, root: 7}}")
@example("poll: 123456789012345678901234567890")
@example("backends: &x {a: *x}")
def test_any_text_is_a_config_or_an_error_of_one_line(text: str) -> None:
    try:
        config = parse(text, PATHS)
    except SpecError as error:
        said = str(error)
    else:
        said = config.backends[0].name
    assert said
    assert said.isprintable()


# --- Adding a backend

COMMENTED = """\
# my machines
poll: 30            # slow network
backends:           # in order of preference
    laptop: {kind: local}   # this one

    # the fast one
    gpu1:
        kind: ssh
        host: gpu1.example.org   # by name
# end of backends

# nothing below
"""


def added(text: str, name: str = "new", kind: str = "ssh", host: str = "new") -> str:
    return with_backend(text.encode(), PATHS.config, name, kind, host).decode()


def test_a_backend_is_added_after_the_last_and_nothing_else_changes() -> None:
    line = "    triton: {kind: slurm, host: t.example.org}\n"
    head, tail = COMMENTED.split("# end")
    assert added(COMMENTED, "triton", "slurm", "t.example.org") == f"{head}{line}# end{tail}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "backends:\n  local: {kind: local}\n  new: {kind: ssh}\n"),
        ("# mine", "# mine\nbackends:\n  local: {kind: local}\n  new: {kind: ssh}\n"),
        ("poll: 5\n", "poll: 5\nbackends:\n  local: {kind: local}\n  new: {kind: ssh}\n"),
        ("backends:\npoll: 5\n", "backends:\n  local: {kind: local}\n  new: {kind: ssh}\npoll: 5\n"),
        ("backends: {}\n", "backends: {local: {kind: local}, new: {kind: ssh}}\n"),
        ("backends: {a: {kind: ssh}} # x\n", "backends: {a: {kind: ssh}, new: {kind: ssh}} # x\n"),
        ("backends: {\n  a: {kind: ssh},\n}\n", "backends: {\n  a: {kind: ssh}, new: {kind: ssh},\n}\n"),
        ("backends:\n  a: {kind: ssh}", "backends:\n  a: {kind: ssh}\n  new: {kind: ssh}\n"),
        ("backends:\r\n  a: {kind: ssh}\r\n", "backends:\r\n  a: {kind: ssh}\r\n  new: {kind: ssh}\r\n"),
        (
            "backends:\n  a: {kind: ssh}\npools:\n  p: [a]\n",
            "backends:\n  a: {kind: ssh}\n  new: {kind: ssh}\npools:\n  p: [a]\n",
        ),
        (
            "pools:\n  p: [local]\n",
            "pools:\n  p: [local]\nbackends:\n  local: {kind: local}\n  new: {kind: ssh}\n",
        ),
        ("{poll: 3, backends: {a: {kind: ssh}}}", "{poll: 3, backends: {a: {kind: ssh}, new: {kind: ssh}}}"),
    ],
)
def test_every_way_to_write_backends_takes_one_more(before: str, after: str) -> None:
    assert added(before) == after


def test_a_file_that_leaves_no_place_is_left_to_the_user() -> None:
    with pytest.raises(ConfigError, match=r"add it by hand: new: \{kind: ssh\}"):
        added("? poll\n: 3\n")


def test_a_word_that_yaml_would_not_read_as_text_is_quoted() -> None:
    assert '"1e3": {kind: ssh, host: "null"}' in added("", "1e3", "ssh", "null")
    assert parse(added("", "true", "slurm", "10.0.0.1"), PATHS).backends[1].host == "10.0.0.1"


names = st.sampled_from(["gpu1", "a.b", "true", "5", "x" * 32, "me@h:22", "[::1]:22"]) | st.text(max_size=8)


@settings(max_examples=60)
@given(config_texts | st.just(COMMENTED), names, st.sampled_from(["ssh", "slurm", "local", "nfs"]), names)
def test_adding_keeps_what_was_there_or_says_in_one_line_why_not(text: str, name: str, kind: str, host: str) -> None:
    try:
        after = added(text, name, kind, host)
    except (SpecError, ConfigError) as error:
        message = str(error)
    else:
        message = f"added {name}"
        assert_added(text, after, name, kind)
    assert message.isprintable()


def assert_added(text: str, after: str, name: str, kind: str) -> None:
    *others, last = parse(after, PATHS).backends
    assert tuple(others) == parse(text, PATHS).backends
    assert (last.name, last.kind) == (name, kind)
    characters = iter(after)
    assert all(character in characters for character in text), "something that was there is gone"


def test_the_file_and_its_folder_are_made_for_the_user_alone(home: Paths) -> None:
    add_backend(home.config, "gpu1", "ssh", "gpu1")
    assert [backend.name for backend in load(home).backends] == ["local", "gpu1"]
    assert stat.S_IMODE(home.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.config.parent.stat().st_mode) == 0o700


def test_a_linked_file_stays_a_link_and_keeps_its_mode(home: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("backends:\n  a: {kind: ssh}\n")
    real.chmod(0o644)
    home.config.parent.mkdir()
    home.config.symlink_to(real)
    add_backend(home.config, "b", "ssh", "b")
    assert home.config.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert [backend.name for backend in load(home).backends] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("backends:\n  a: {kind: ssh}\n", ("a", "ssh", "x"), 'config.yaml: there is a backend "a" already'),
        ("pools: {a: [local]}\n", ("a", "ssh", "x"), 'config.yaml: there is a pool "a" already'),
        ("pol: 3\n", ("a", "ssh", "x"), 'config.yaml:1:1: unknown key "pol" (did you mean "poll"?)'),
        ("", ("a", "nfs", "x"), 'cannot add "a": "backends.a.kind" must be local, ssh, slurm, not "nfs"'),
        ("", ("a", "ssh", "-x"), 'cannot add "a": "backends.a.host" must be a host'),
        ("", ("a b", "ssh", "x"), 'cannot add "a b": backend name "a b" must be'),
    ],
)
def test_what_cannot_be_added_changes_nothing(
    home: Paths, text: str, arguments: tuple[str, str, str], message: str
) -> None:
    written(home, text)
    with pytest.raises(ConfigError) as caught:
        add_backend(home.config, *arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert home.config.read_text() == text


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        add_backend(tmp_path / "file" / "config.yaml", "a", "ssh", "a")


# --- The hosts of the OpenSSH config


def test_hosts_are_those_that_name_one_machine(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        """\
# Host commented
Host gpu1 gpu2 *.example.org !gpu3
    HostName 10.0.0.1
host = "triton"   # the cluster
HOST\tcsc csc
Host *
Match host other
Host -oProxyCommand=x $(x)
"""
    )
    assert ssh_hosts(tmp_path / "config") == ("gpu1", "gpu2", "triton", "csc")


def test_hosts_that_are_backends_or_cannot_be_are_not_offered(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("Host gpu1 alias me@other fresh taken\n")
    found = paths({"TRAINBOARD_HOME": str(tmp_path), "TRAINBOARD_SSH_CONFIG": str(tmp_path / "ssh")})
    config = parse("backends: {gpu1: {kind: ssh, host: alias}, taken: {kind: slurm, host: x}}", found)
    assert offered_hosts(config, found) == ["fresh"]


def test_includes_are_followed_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"Host a\nInclude conf.d/*.conf {tmp_path}/abs nowhere\nHost z\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "2.conf").write_text("Host c")
    (tmp_path / "conf.d" / "1.conf").write_text("Host b\nInclude config\n")
    (tmp_path / "abs").write_text("Host d")
    assert ssh_hosts(tmp_path / "config", folder=tmp_path) == ("a", "b", "c", "d", "z")


def test_a_config_that_is_not_there_or_no_file_names_no_hosts(tmp_path: Path) -> None:
    assert ssh_hosts(tmp_path / "nowhere") == ()
    assert ssh_hosts(tmp_path) == ()
    (tmp_path / "config").write_text("Host a")
    (tmp_path / "config").chmod(0)
    assert ssh_hosts(tmp_path / "config") in ((), ("a",))


ssh_texts = st.binary() | st.lists(
    st.sampled_from(
        [b"Host ", b"Include ", b"*", b"/", b"**", b"..", b"~x", b"a", b'"', b"=", b"\n", b"\0", b"#", b" "]
    )
).map(b"".join)


@settings(max_examples=100)
@given(ssh_texts)
def test_any_ssh_config_gives_words_that_are_safe_to_offer(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "ssh"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_bytes(text.replace(b"/", b""))
    for host in ssh_hosts(folder / "config", folder):
        assert host.isprintable()
        assert not host.startswith("-")
        assert not set(host) & set(" *?!#\"'`$;&|<>\\")
