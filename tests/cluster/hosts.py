"""The pretended hosts: one loopback address each, and what is right or wrong with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """One SSH alias of the test cluster."""

    alias: str
    octet: int
    """The last number of its address 127.0.0.N."""
    what: str
    """What a person finds there, in one line."""
    slurm: bool = False
    """Slurm's commands are on its PATH."""
    gpus: int = 0
    python: bool = True
    """`python3` is on its PATH."""
    shell: str = ""
    """Where set, people log in as a real Unix user of this login shell (needs root); else as the caller."""
    jump: str = ""
    """The alias of the host that connections go through."""
    sshd: tuple[str, ...] = ()
    """Further lines of its sshd block."""
    ssh: tuple[str, ...] = ()
    """Further lines of its block in the client's configuration."""
    server: str = "sshd"
    """The service that answers there; empty where nothing does."""

    @property
    def address(self) -> str:
        """The loopback address of this host."""
        return f"127.0.0.{self.octet}"


HOSTS = (
    Host("gateway", 11, "gateway of the Slurm cluster: 3 nodes of 16 CPUs and 4 GPUs", slurm=True),
    Host("gpu1", 12, "GPU server without a scheduler", gpus=4),
    Host("gpu2", 13, "GPU server without a scheduler", gpus=2),
    Host("jump", 14, "the way to `behind`"),
    Host("behind", 15, "GPU server reached through `jump`", gpus=4, jump="jump"),
    Host("maxsessions", 16, "two channels per connection, the third is refused", gpus=2, sshd=("MaxSessions 2",)),
    Host("nopython", 17, "no python3 on the PATH", gpus=2, python=False),
    Host("full", 18, "the home folder is on a full file system of 64 KiB: writing gives ENOSPC", gpus=2),
    Host("tcsh", 19, "the login shell is tcsh", gpus=1, shell="tcsh"),
    Host("fish", 20, "the login shell is fish", gpus=1, shell="fish"),
    Host("banner", 21, "the shell prints a banner on stdout, for commands as well", gpus=1, shell="bash"),
    Host(
        "password",
        22,
        "asks for the password of a real Unix user",
        gpus=1,
        shell="bash",
        sshd=("PubkeyAuthentication no", "PasswordAuthentication yes"),
        ssh=("PubkeyAuthentication no", "PreferredAuthentications password"),
    ),
    Host("wrongkey", 23, "known_hosts holds another key than the server shows"),
    Host("unknown", 24, "known_hosts does not hold this host"),
    Host(
        "twofactor",
        25,
        "a gateway that asks for a password, then for a code",
        slurm=True,
        ssh=("PubkeyAuthentication no", "PreferredAuthentications keyboard-interactive"),
        server="twofactor",
    ),
    Host("silent", 26, "accepts the connection and never says a word", server="twofactor"),
    Host("down", 27, "refuses the connection: nothing listens", server=""),
)

NODES = ("node1", "node2", "node3")
"""The compute nodes of the Slurm cluster; each is one slurmd on this machine."""

NODE_GPUS = 4
