"""The text of every configuration file; pure."""

from dataclasses import dataclass

from tests.cluster.hosts import HOSTS, NODE_GPUS, NODES, Host
from tests.cluster.layout import Cluster


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine and its user, as Slurm must name them."""

    user: str
    hostname: str
    """The short host name."""
    loopback_only: bool
    """Slurm listens on the address of the host name or on all. Only where the name stands for 127.0.0.1 can it be the
    first: elsewhere `srun` and its steps would not meet, and munge alone keeps strangers out."""


def slurm_conf(cluster: Cluster, machine: Machine) -> str:
    """Return slurm.conf for a version from 20.11 on: no cgroups, short waits, accounting with comments."""
    folder = cluster.dir / "slurm"
    bind = "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny" if machine.loopback_only else ""
    return f"""\
ClusterName=trainboard
SlurmctldHost={machine.hostname}(127.0.0.1)
SlurmctldPort={cluster.port("slurmctld")}
SlurmUser={machine.user}
SlurmdUser={machine.user}
AuthType=auth/munge
AuthInfo=socket={cluster.dir}/munge/socket
CryptoType=crypto/munge
{bind}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={cluster.log("slurmctld")}
SlurmdLogFile={cluster.dir}/log/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
TaskProlog={cluster.dir}/libexec/task_prolog
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
# A test waits for its job to start, to be cancelled and to be seen in the accounting.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=10000,bf_interval=1
EpilogMsgTime=100
CompleteWait=0
KillWait=5
InactiveLimit=0
MinJobAge=300
SlurmctldTimeout=60
SlurmdTimeout=60
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={cluster.port("slurmdbd")}
AccountingStoragePass={cluster.dir}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
{_nodes(cluster, machine)}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=2-00:00:00 DefaultTime=01:00:00 State=UP
PartitionName=short Nodes=ALL MaxTime=01:00:00 DefaultTime=00:10:00 State=UP
"""


def _nodes(cluster: Cluster, machine: Machine) -> str:
    return "\n".join(
        f"NodeName={node} NodeHostname={machine.hostname} NodeAddr=127.0.0.1 Port={cluster.port(node)} "
        f"CPUs=16 RealMemory=20000 Gres=gpu:a100:{NODE_GPUS} State=UNKNOWN"
        for node in NODES
    )


def gres_conf(cluster: Cluster) -> str:
    """Return gres.conf; a bare count would leave the nodes invalid, so every GPU is a device file of ours."""
    return f"NodeName={','.join(NODES)} Name=gpu Type=a100 File={cluster.dir}/slurm/nvidia[0-{NODE_GPUS - 1}]\n"


def slurmdbd_conf(cluster: Cluster, machine: Machine, password: str) -> str:
    """Return slurmdbd.conf; `DbdHost` must be the short host name, an address is refused."""
    return f"""\
DbdHost={machine.hostname}
DbdAddr=127.0.0.1
DbdPort={cluster.port("slurmdbd")}
SlurmUser={machine.user}
AuthType=auth/munge
AuthInfo=socket={cluster.dir}/munge/socket
{"CommunicationParameters=NoInAddrAny" if machine.loopback_only else ""}
PidFile={cluster.dir}/slurm/slurmdbd.pid
LogFile={cluster.log("slurmdbd")}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={cluster.port("mariadb")}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
"""


def database_sql(password: str) -> str:
    """Return the statements that MariaDB runs at its start."""
    users = [f"slurm@'{host}'" for host in ("localhost", "127.0.0.1")]
    made = [f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}';" for user in users]
    granted = [f"GRANT ALL ON slurm_acct_db.* TO {user};" for user in users]
    return "\n".join(["CREATE DATABASE IF NOT EXISTS slurm_acct_db;", *made, *granted]) + "\n"


def path_of(cluster: Cluster, host: Host) -> str:
    """Return the PATH of a session: its own commands, then farms of links, so that what must be missing is."""
    farms = ["tools-python" if host.python else "", "tools-slurm" if host.slurm else "", "tools"]
    return ":".join([f"{cluster.dir}/hosts/{host.alias}/bin", *(f"{cluster.dir}/{farm}" for farm in farms if farm)])


def session_environment(cluster: Cluster, host: Host) -> dict[str, str]:
    """Return what the server puts into every session on this host.

    `HOME` is set where the caller logs in as themselves: their own files stay out of the tests.
    """
    path = path_of(cluster, host)
    return {
        "PATH": path,
        "CLUSTER_PATH": path,
        "CLUSTER_TOKEN": cluster.token,
        **({} if host.shell else {"HOME": str(cluster.home(host.alias))}),
        **({"SLURM_CONF": str(cluster.slurm_conf)} if host.slurm else {}),
    }


def sshd_config(cluster: Cluster, sftp_server: str, *, pam: bool) -> str:
    """Return the configuration of the one sshd that plays all hosts, each with a block for its address."""
    hosts = [host for host in HOSTS if host.server == "sshd" and host.alias in cluster.aliases]
    listen = "\n".join(f"ListenAddress {host.address}" for host in hosts)
    blocks = "\n".join(_sshd_block(cluster, host) for host in hosts)
    # The subsystem starts in $HOME, which is not always the home folder that the system knows.
    return f"""\
Port {cluster.port("sshd")}
{listen}
HostKey {cluster.host_key}
AuthorizedKeysFile {cluster.dir}/ssh/authorized_keys
PidFile {cluster.dir}/ssh/sshd.pid
StrictModes no
UsePAM {"yes" if pam else "no"}
UseDNS no
PermitRootLogin yes
PermitUserRC no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
MaxStartups 500
MaxSessions 100
LogLevel VERBOSE
Subsystem sftp cd && exec {sftp_server}
{blocks}"""


def _sshd_block(cluster: Cluster, host: Host) -> str:
    variables = " ".join(f'"{name}={value}"' for name, value in session_environment(cluster, host).items())
    lines = (f"SetEnv {variables}", *host.sshd)
    return "\n".join([f"Match LocalAddress {host.address}", *(f"    {line}" for line in lines)]) + "\n"


def ssh_config(cluster: Cluster, caller: str) -> str:
    """Return the client's configuration; it names no file outside the cluster's folder."""
    blocks = "\n".join(_ssh_block(cluster, host) for host in HOSTS if host.alias in cluster.aliases)
    return f"""\
{blocks}
Host *
    Port {cluster.port("sshd")}
    User {caller}
    IdentityFile {cluster.key}
    IdentitiesOnly yes
    UserKnownHostsFile {cluster.known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""


def _ssh_block(cluster: Cluster, host: Host) -> str:
    user = cluster.user(host.alias)
    lines = [
        f"HostName {host.address}",
        *([f"User {user}"] if user else []),
        *([f"ProxyJump {host.jump}"] if host.jump else []),
        *host.ssh,
    ]
    return "\n".join([f"# {host.what}", f"Host {host.alias}", *(f"    {line}" for line in lines)]) + "\n"


def known_hosts(cluster: Cluster, key: str, other_key: str) -> str:
    """Return a line for every host: the right key, the other one for `wrongkey`, and none for `unknown`."""
    keys = {"wrongkey": other_key, "unknown": ""}
    lines = ((host, keys.get(host.alias, key)) for host in HOSTS)
    return "".join(f"[{host.address}]:{cluster.port('sshd')} {shown}\n" for host, shown in lines if shown)
