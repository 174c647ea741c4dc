"""The classes of messages that tell what happened to a job, as a table: a new one is one row.

Sources: what PyTorch, JAX, TensorFlow, NCCL, gloo, Slurm, PBS, LSF and the Linux kernel print; NVIDIA's catalogue of
Xid errors for what `xid` numbers mean.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Message(NamedTuple):
    """One class."""

    id: str
    needles: tuple[bytes, ...]
    """In small letters: a line without any of these is not of this class."""
    pattern: re.Pattern[str]
    """What a line, in plain text, has; named groups are facts of the hit."""
    fatal: bool = True
    """It may end the run: whether the training goes on after it is looked at."""
    guarded: bool = True
    """Behind a word such as `if` or `avoid` it is advice or source code, and nothing happened."""


CONDITIONAL = re.compile(
    r"\b(?:may|might|could|can|if|avoid|prevent|case of|when|without|except|catch|not|raise|import|elif|assert)\b"
    r"|^\s*#",
    re.I,
)
"""Before a guarded message: it tells of nothing that happened."""


def _message(id: str, needles: str, pattern: str, *, fatal: bool = True, guarded: bool = True) -> Message:
    """`needles`: set apart by `|`."""
    return Message(id, tuple(needles.encode().split(b"|")), re.compile(pattern, re.I | re.A), fatal, guarded)


CLASSES = (
    _message(
        "cuda_oom",
        "out of memory|outofmemoryerror|alloc_failed|resource_exhausted|memoryallocation|oom when allocating"
        "|resourceexhausted",
        r"\b(?:CUDA|HIP|MPS backend|GPU|device)(?: error:)?(?: is| ran)? out of memory|OutOfMemoryError:"
        r"|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED: (?:Out of memory|Failed to allocate|OOM)"
        r"|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|OOM when allocating|ResourceExhaustedError:"
        r"|cudaMalloc failed: out of",
    ),
    _message(
        "host_oom",
        "oom|out-of-memory|memlimit|memory limit|exceeded limit|out of memory",
        r"Detected \d+ oom[-_ ]?kill event|(?:may have been )?killed by the cgroup out-of-memory handler"
        r"|\bOOMKilled\b|invoked oom-killer|\boom-kill:constraint=|Out of memory: Kill"
        r"|Memory cgroup out of memory: Kill"
        r"|Exceeded (?:its |job |step )*memory limit|TERM_MEMLIMIT|mem(?:ory)? \S+ exceeded limit"
        r"|^slurmstepd: error: .*\bOut Of Memory\b|error: .{0,200}: task \d+: Out Of Memory"
        r"|out of memory: the kernel killed",
    ),
    _message(
        "host_allocation",
        "memoryerror|bad_alloc|allocate memory|unable to allocate|defaultcpuallocator",
        r"^(?:\S+\.)?_?(?:Array)?MemoryError\b|std::bad_alloc|Can(?:not|'t) allocate memory"
        r"|Unable to allocate [\d.]+ ?\wi?B|DefaultCPUAllocator: (?:can't|not enough)",
    ),
    _message(
        "killed",
        "killed|sigkill|exitcode",
        r"^(?:\S+: )?(?:line \d+: +\d+ )?Killed\s*(?:\S.{0,200})?$"
        r"|^srun: error: .{0,200}: Killed$|Signal 9 \(SIGKILL\) received|exit ?code ?: -9\b",
        guarded=False,
    ),
    _message(
        "time_limit",
        "time limit|term_runlimit|walltime|wallclock|timeout: sending signal",
        r"DUE TO TIME LIMIT|\bTERM_RUNLIMIT\b|walltime \S+ exceeded limit|^timeout: sending signal"
        r"|exceed(?:ed)?(?: its| the)? (?:hard )?(?:wall ?(?:clock ?)?time|time limit)"
        r"|reached (?:the )?(?:wall ?time|time) limit",
    ),
    _message(
        "preempted",
        "preempt",
        r"DUE TO PREEMPTION|\bTERM_PREEMPT\b"
        r"|^(?:\S+ )?(?:job|node|instance|VM)? ?(?:was |has been |is being )?preempted\b",
    ),
    _message(
        "node_failure",
        "node fail|node_fail",
        r"DUE TO NODE FAIL|^srun: error: Node failure on (?P<node>[\w.,\[\]-]{1,80})|\bNODE_FAIL\b",
    ),
    _message(
        "cancelled",
        "cancelled at|term_owner|term_admin|ctrl-c|ctrl+c|keyboardinterrupt|sigint|sigterm",
        r"\*\*\* (?:JOB|STEP) \S+ ON \S+ CANCELLED AT \S+?(?: \*\*\*|$)"
        r"|\bTERM_(?:OWNER|ADMIN)\b|^KeyboardInterrupt\b"
        r"|Detected Ctrl-C|\bSIG(?:INT|TERM) received\b|received (?:signal )?SIG(?:INT|TERM)\b",
    ),
    _message(
        "nccl_timeout",
        "watchdog|timed out waiting|last enqueued|heartbeat monitor|waiting for clients|timed out after",
        r"Watchdog caught collective operation timeout: WorkNCCL\(SeqNum=(?P<seq>\d+), OpType=(?P<op>\w+)"
        r".{0,200}?Timeout\(ms\)=(?P<timeout_ms>\d+)\) ran for (?P<ran_ms>\d+)"
        r"|last enqueued (?:NCCL )?work: (?P<enqueued>\d+), last completed (?:NCCL )?work: (?P<completed>\d+)"
        r"|watchdog got stuck for (?P<stuck_s>\d+) seconds without making progress"
        r"|Timed out waiting (?P<waited_ms>\d+) ?ms for (?P<direction>recv|send) operation"
        r"|(?:Timed out after|waiting for clients).{0,80}?(?P<joined>\d+)/(?P<world>\d+) clients joined",
    ),
    _message(
        "nccl_error",
        "ncclsystemerror|ncclremoteerror|ncclunhandled|ncclinternalerror|net/ib|net/socket|connection closed by peer"
        "|ncclinvalid",
        r"\bnccl(?:System|Remote|Internal|Invalid\w{0,20})Error\b|\bncclUnhandledCudaError\b"
        r"|NET/IB ?: Got completion.{0,80}error|NET/Socket ?: .{0,80}(?:failed|refused|reset)"
        r"|Connection closed by peer \[(?P<peer>[\w.:]{1,60})\]",
    ),
    _message("xid", "nvrm: xid", r"NVRM: Xid \(PCI:(?P<bus>[0-9a-f:.]{1,20})\): (?P<xid>\d{1,4})"),
    _message(
        "gpu_hardware",
        "ecc error|fallen off the bus|gpu is lost|unable to determine the device handle|nvlink error",
        r"uncorrectable (?:ECC|NVLink) error|fallen off the bus|\bGPU is lost\b|double[- ]bit ECC error"
        r"|Unable to determine the device handle for GPU ?(?P<bus>[0-9a-f:.]{0,20})",
    ),
    _message(
        "cuda_fault",
        "illegal memory access|device-side assert|unspecified launch failure|misaligned address"
        "|illegal instruction was|cublas_status_|cudnn_status_",
        r"illegal memory access|device-side assert|unspecified launch failure|misaligned address"
        r"|an illegal instruction was encountered|CUBLAS_STATUS_(?:EXECUTION_FAILED|NOT_INITIALIZED|INTERNAL_ERROR)"
        r"|CUDNN_STATUS_(?:EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|MAPPING_ERROR)",
    ),
    _message(
        "cuda_missing",
        "no cuda gpus|no cuda-capable|driver version is insufficient|driver on your system is too old"
        "|no kernel image is available|torch not compiled with cuda|invalid device ordinal",
        r"No CUDA GPUs are available|no CUDA-capable device|driver version is insufficient"
        r"|driver on your system is too old|no kernel image is available|Torch not compiled with CUDA enabled"
        r"|invalid device ordinal",
    ),
    _message("quota", "quota exceeded|errno 122", r"Disk quota exceeded|\[Errno 122\]|EDQUOT\b"),
    _message(
        "disk_full",
        "no space left|pytorchstreamwriter|enospc|errno 28]",
        r"No space left on device|\[Errno 28\]|PytorchStreamWriter failed writing|\bENOSPC\b",
    ),
    _message(
        "shared_memory",
        "shared memory|bus error|/dev/shm|torch_shm_manager",
        r"insufficient shared memory|out of shared memory|unable to (?:open|mmap|allocate|resize) (?:\d+ bytes )?"
        r"(?:from )?(?:file )?<?.{0,80}?shared memory"
        r"|^(?:\S+: )?(?:line \d+: +\d+ )?Bus error\b|/dev/shm.{0,80}No space",
    ),
    _message(
        "loader_died",
        "dataloader worker",
        r"DataLoader worker \(pid\(?s?\)? ?(?P<pid>[\d, ]{1,60})\) "
        r"(?P<how>is killed by signal: [\w ]{1,40}|exited unexpectedly[^.\n]{0,60})",
    ),
    _message(
        "loader_workers",
        "suggested max number of worker",
        r"This DataLoader will create (?P<workers>\d+) worker processes in total\. Our suggested max number of "
        r"worker in current system is (?P<suggested>\d+)",
        fatal=False,
    ),
    _message(
        "half_precision",
        "gradient overflow|loss scale|loss_scale|found inf",
        r"Gradient overflow.{0,120}?(?:Skipping step|loss.?scal)(?:.{0,80}?\bto (?P<scale>[\d.e+-]{1,24}))?"
        r"|loss scale (?:reduced )?to (?P<to>[\d.e+-]{1,24})"
        r"|minimum loss.?scale reached(?: ?\((?P<least>[\d.e+-]{1,24})\))?"
        r"|Current loss scale already at minimum",
        fatal=False,
    ),
    _message(
        "segfault",
        "segmentation fault|core dumped|sigsegv|sigabrt|sigill|sigfpe|exitcode  :|terminate called",
        r"Segmentation fault|^terminate called after throwing|\(core dumped\)"
        r"|\bSIG(?:SEGV|ABRT|ILL|FPE)\b|exitcode ?: -(?:11|6|4|8)\b",
    ),
    _message("port_taken", "address already in use|eaddrinuse", r"Address already in use|\bEADDRINUSE\b"),
    _message(
        "world",
        "world_size|world size|(local_rank:|starting with|process group with",
        r"\bworld[_ ]size[\"']?[=: ]{1,3}(?P<world>\d{1,6})\b|\brank ?: (?P<rank>\d{1,5}) \(local_rank:"
        r"|registered\. Starting with (?P<processes>\d{1,6}) processes|process group with (?P<members>\d{1,6}) ",
        fatal=False,
    ),
    _message(
        "child_failed",
        "childfailederror|root cause (first observed failure)|exitcode",
        r"ChildFailedError|exitcode ?: (?P<exitcode>-?\d{1,4})",
    ),
)
"""The first of them that a line has counts. `world` tells how many ranks there are, and no trouble."""

NEEDLES = tuple(dict.fromkeys(needle for message in CLASSES for needle in message.needles))
