"""The program that sums up a file of predictions where it lies: sent to a host, standard library only, Python ≥ 3.6.

All arithmetic on columns goes through one of two kernels with the same functions: `plain`, and `fast`, which is numpy
where a Python of the host has it. Both give the same numbers, but for the order of sums.
"""

MODULES = (
    "plain",
    "fast",
    "tails",
    "refused",
    "split",
    "lines",
    "tables",
    "roles",
    "labels",
    "classes",
    "residuals",
    "store",
    "bins",
    "features",
    "slices",
    "chosen",
    "reading",
    "summary",
    "outcomes",
    "main",
)
"""In the order in which each needs only those before it; before all of them come `frames`, `files` and `results` of
`backends.remote`."""
