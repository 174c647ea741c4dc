"""Why a job waits, in plain words, with what to change: the reason words of Slurm (squeue(1)). Tables."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explained:
    """A reason for a person."""

    plain: str
    advice: str = ""
    """What to change; empty where waiting is all there is."""


WAIT = "nothing is wrong: it starts when its turn comes; a smaller or shorter job may start sooner"
NEVER = "it never starts like this: cancel it, and submit it with less"

REASONS = {
    "None": Explained("The scheduler has not looked at it yet.", "wait a minute"),
    "Priority": Explained("Jobs with a higher priority go first.", WAIT),
    "Resources": Explained("It is next in line, and waits for nodes, GPUs or memory to become free.", WAIT),
    "AccountNotAllowed": Explained("Its account may not use this partition.", "choose another account or partition"),
    "AssociationJobLimit": Explained("Your account has as many jobs as it may have.", "it starts when others end"),
    "AssociationResourceLimit": Explained("Your account uses all that it may use.", "it starts when others end"),
    "AssociationTimeLimit": Explained("Your account has used up its time.", "ask the site, or use another account"),
    "BadConstraints": Explained(
        "No node is what it asks for.", "look at `--constraint`, GPUs and memory; it never starts"
    ),
    "BeginTime": Explained("It is not to start before a time that it was given, or waits after a failed start.", ""),
    "BurstBufferOperation": Explained(
        "Its burst buffer failed.", "cancel it, and look at the burst buffer's options"
    ),
    "BurstBufferResources": Explained("It waits for room in the burst buffer.", "ask for less, or do without"),
    "BurstBufferStageIn": Explained("Its data is being copied into the burst buffer.", ""),
    "Cleaning": Explained("It is started again, and its last try is still being cleaned up.", "wait a minute"),
    "Constraint": Explained("No node that is free has the features that it asks for.", "ask for fewer features"),
    "CycleLimit": Explained("The scheduler had no time left for it in this round.", "wait a minute"),
    "DeadLine": Explained("It cannot end before its deadline any more.", NEVER),
    "Deadline": Explained("It cannot end before its deadline any more.", NEVER),
    "Dependency": Explained("It waits for another job to end.", ""),
    "DependencyNeverSatisfied": Explained(
        "It waits for a job that ended in another way than it wants.",
        "it never starts: cancel it, and submit it anew",
    ),
    "FedJobLock": Explained("The clusters of the federation agree on who starts it.", "wait a minute"),
    "FrontEndDown": Explained("The front end that it would run on is down.", "wait, or ask the site"),
    "InactiveLimit": Explained("It did nothing for too long.", ""),
    "InvalidAccount": Explained("Its account is not valid.", "submit it with `account:` set to one of yours"),
    "InvalidQOS": Explained("Its QOS is not valid.", "submit it with `qos:` set to one of yours"),
    "JobArrayTaskLimit": Explained(
        "Its array may run only so many tasks at once.",
        "raise the limit: scontrol update JobId=ID ArrayTaskThrottle=N",
    ),
    "JobHeldAdmin": Explained("The site holds it.", "ask the site: only they can let it go"),
    "JobHeldUser": Explained("You hold it.", "let it go: key h, or `trainboard release`"),
    "JobHoldMaxRequeue": Explained(
        "It was started again and again, and is held now.", "look at why it ends, then release it"
    ),
    "JobLaunchFailure": Explained(
        "It could not be started on its node.", "look at its log and folder, then requeue it"
    ),
    "Licenses": Explained("It waits for a license.", "it starts when others give theirs back"),
    "MaxBBPerAccount": Explained("Your account uses all of its burst buffer.", "it starts when others end"),
    "MaxMemPerLimit": Explained("It asks for more memory than the partition gives to one job.", NEVER),
    "MaxRequeue": Explained("It was started again too often.", "look at why it ends, then release it"),
    "MPI_Ports_Busy": Explained("The network ports that MPI wants are taken.", "wait"),
    "NodeDown": Explained("A node that it asks for is down.", "do without `--nodelist`, or wait"),
    "NonZeroExitCode": Explained(
        "It ended with an error, and is held.", "look at its log, then release or cancel it"
    ),
    "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions": Explained(
        "All nodes that would do are down, draining, or kept for partitions that go first.",
        "try another partition, or nodes with less; the nodes' reasons are on the cluster's screen",
    ),
    "OutOfMemory": Explained("It ran out of memory.", "ask for more"),
    "PartitionConfig": Explained(
        "It asks for more than the partition has or allows.", "ask for fewer nodes or CPUs, or another partition"
    ),
    "PartitionDown": Explained(
        "Its partition takes jobs, and starts none.", "choose another one, or wait for the site"
    ),
    "PartitionInactive": Explained("Its partition is switched off.", "choose another partition"),
    "PartitionNodeLimit": Explained(
        "It asks for more nodes than the partition gives to one job, or has.", "ask for fewer, or another partition"
    ),
    "PartitionTimeLimit": Explained(
        "It asks for more time than the partition gives.", "ask for less time; it never starts"
    ),
    "Preempted": Explained("Its nodes were needed for other jobs; it waits for its next start.", ""),
    "Prolog": Explained("Its nodes are being made ready.", "wait a minute"),
    "QOSJobLimit": Explained("As many jobs of its QOS run as may run.", "it starts when others end"),
    "QOSNotAllowed": Explained("Its QOS may not be used in this partition.", "choose another QOS or partition"),
    "QOSResourceLimit": Explained("Its QOS uses all that it may use.", "it starts when others end"),
    "QOSTimeLimit": Explained("Its QOS has used up its time.", "ask the site, or use another QOS"),
    "QOSUsageThreshold": Explained("Your account has used more than its QOS wants.", "wait, or use another QOS"),
    "QueuedLimit": Explained("Too many jobs are queued.", "wait"),
    "ReqNodeNotAvail": Explained(
        "A node that it needs is down, draining or reserved, often for maintenance that begins before it could end.",
        "a shorter time may let it end before the reservation begins; or do without `--nodelist`",
    ),
    "Reservation": Explained("It waits for its reservation to begin.", ""),
    "ReservationDeleted": Explained("Its reservation is gone.", "submit it without `--reservation`"),
    "ReservationInvalid": Explained("Its reservation is not valid.", "submit it without `--reservation`"),
    "RequeueHold": Explained("It was put back, and is held.", "let it go: key h, or `trainboard release`"),
    "SchedDefer": Explained("It asked to start at once or not, and the scheduler waits with such jobs.", "wait"),
    "SpecialExit": Explained("It ended in a special way, and is held.", "look at its log, then release or cancel it"),
    "SystemFailure": Explained("The scheduler or a node failed.", "ask the site"),
    "TimeLimit": Explained("It used up its time.", "ask for more"),
    "TRES_LIMIT": Explained("A limit on resources is reached.", "it starts when others end"),
    "launch failed requeued held": Explained(
        "Its node failed to start it; it was put back, and is held.", "let it go: key h, or `trainboard release`"
    ),
    "user env retrieval failed requeued held": Explained(
        "Its node could not read your login environment; it is held.", "let it go: key h, or `trainboard release`"
    ),
}
"""One line for a word."""

WHAT = {
    "Billing": "billing units",
    "BB": "burst buffer",
    "Cpu": "CPUs",
    "CPU": "CPUs",
    "CPUs": "CPUs",
    "Energy": "energy",
    "GRES": "GPUs or other devices",
    "Jobs": "running jobs",
    "Job": "running jobs",
    "License": "licenses",
    "Mem": "memory",
    "Memory": "memory",
    "Node": "nodes",
    "Nodes": "nodes",
    "SubmitJob": "jobs in the queue",
    "SubmitJobs": "jobs in the queue",
    "UnknownTRES": "resources",
    "Unk": "resources",
    "Wall": "time",
    "WallDuration": "time",
}
"""What a limit is on."""

LIMIT = re.compile(
    r"(?P<whose>Assoc|QOS)(?P<all>Grp|Max|Min)(?P<what>" + "|".join(sorted(WHAT, key=len, reverse=True)) + r")"
    r"(?P<spent>Minutes|RunMinutes|RunMin|Min)?(?P<each>PerUser|PerUserLimit|PerAccount|PerAcct|PerJob|PerNode)?"
    r"(?P<late>Minutes|RunMinutes|MinutesPerJob)?(?P<end>PerJob|PerNode)?(?:Limit)?"
)
"""The words of limits are put together from whose they are, what they are on, and for how many jobs."""


def explain(reason: str) -> Explained:
    """A reason word of Slurm's, of any version; a word that nobody knows is told as it is."""
    text = reason.strip()
    if text.startswith("("):
        text = text.strip("()")
    if not text or text in ("(null)", "null"):
        return REASONS["None"]
    head = re.split(r"[,:(]", text)[0].strip()
    for word in (text, text.replace(" ", "_"), head, head.replace("_", " ")):
        if word in REASONS:
            return REASONS[word]
    if (limit := LIMIT.fullmatch(head)) is not None:
        return limited(limit)
    if text.lower().startswith("nodes required") or text.startswith("Nodes_required"):
        return next(told for word, told in REASONS.items() if word.startswith("Nodes_required"))
    return Explained(f"Slurm says {text!r}.", "the site's pages may tell what that means")


def limited(limit: re.Match[str]) -> Explained:
    """A limit of an account or a QOS in words."""
    whose = "your account" if limit["whose"] == "Assoc" else "its QOS"
    what = WHAT[limit["what"]]
    each = f"{limit['each'] or ''}{limit['end'] or ''}{limit['late'] or ''}"
    spent = f"{limit['spent'] or ''}{limit['late'] or ''}"
    if limit["all"] == "Min":
        return Explained(f"It asks for fewer {what} than {whose} wants for one job.", "ask for more; it never starts")
    if spent and "PerJob" in each:
        return Explained(f"It asks for more {what} times minutes than {whose} allows for one job.", NEVER)
    if spent:
        running = "Run" in spent
        plain = (
            f"The jobs of {whose} that run may still use up all the {what} times minutes that they may have together."
            if running
            else f"The {what} times minutes of {whose} are used up."
        )
        advice = "it starts when they end" if running else "ask the site for more, or use another account or QOS"
        return Explained(plain, advice)
    if "Node" in each and limit["what"] not in ("Node", "Nodes"):
        return Explained(f"It asks for more {what} on one node than {whose} allows.", NEVER)
    if "PerJob" in each or (
        limit["all"] == "Max" and not each and limit["whose"] == "Assoc" and what != "running jobs"
    ):
        return Explained(f"It asks for more {what} than {whose} allows for one job.", NEVER)
    together = (
        "Your jobs" if "PerUser" in each or (limit["all"] == "Max" and not each) else f"All jobs of {whose} together"
    )
    if "PerAcc" in each:
        together = "The jobs of your account"
    have = f"are as many as {whose} allows" if what in ("running jobs", "jobs in the queue") else None
    if have is not None:
        return Explained(f"{together} {have} ({what}).", "it starts when others of them end")
    return Explained(
        f"{together} use as much as {whose} allows of: {what}.",
        "it starts when others end; one with less may go first",
    )


def page() -> str:
    """`docs/waiting.md`: every word of the table."""
    rows = [
        f"| `{word.replace('_', ' ') if ',' in word else word}` | {told.plain} | {told.advice} |"
        for word, told in REASONS.items()
    ]
    limits = [
        "AssocGrpGRES",
        "AssocGrpCPUMinutesLimit",
        "AssocGrpCPURunMinutesLimit",
        "AssocMaxJobsLimit",
        "AssocMaxWallDurationPerJobLimit",
        "QOSGrpGRES",
        "QOSMaxGRESPerUser",
        "QOSMaxJobsPerUserLimit",
        "QOSMaxMemoryPerNode",
        "QOSMinGRES",
    ]
    rows += [f"| `{word}` | {explain(word).plain} | {explain(word).advice} |" for word in limits]
    return "\n".join(
        [
            "# Why a job waits",
            "",
            "`W` on a job that waits, or `trainboard why RUN`. Slurm's words, what they mean, and what to change.",
            "The words of limits are put together (`QOSMaxGRESPerUser`), and some of them stand at the end.",
            "",
            "| Slurm's word | means | what to change |",
            "|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    print(page())
