"""Kills the submitting process at every step of the protocol, on a real Slurm and a real sshd, and counts runs.

`python -m tests.crash` prints how many kills there were, how many runs they left, and that each ran exactly once.
"""
