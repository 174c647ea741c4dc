"""A real Slurm and real SSH hosts on this machine, in a folder of their own, for tests and to try things by hand.

`python -m tests.cluster up` starts it, `env` prints what a shell needs to use it, `down` removes every trace.
"""

from tests.cluster.hosts import HOSTS, Host
from tests.cluster.layout import Cluster, ClusterError, default_folder
from tests.cluster.lifecycle import start, stop, unavailable, up_already

__all__ = ["HOSTS", "Cluster", "ClusterError", "Host", "default_folder", "start", "stop", "unavailable", "up_already"]
