"""A real Slurm of one node on this machine: munge, slurmctld and slurmd, no systemd, no cgroup, no accounting."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo")
FILES = ("slurm.conf", "gres.conf")
ETC = Path("/etc/slurm")
CPUS, MEMORY_MB = 2, 16_000
CONF = """\
ClusterName=emopress
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
SlurmdTimeout=60
KillWait=2
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:fake:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Return why no Slurm can be started here; "" if one can."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"not installed: {', '.join(absent)} (Debian packages slurm-wlm and munge)"
    if os.geteuid() != 0:
        return "slurmd, munged and the fake GPU need root"
    taken = [name for name in FILES if (ETC / name).exists()]
    if taken:
        return f"this machine has a Slurm of its own ({', '.join(taken)} in {ETC})"
    return ""


def output_of(*command):
    """Return what a command prints; CalledProcessError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def until(condition, seconds=30):
    """Wait until `condition()` is true and return its value; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {condition.__name__}"
        time.sleep(0.2)
    return result


class Slurm:
    """The running cluster, as its own commands describe it."""

    def __init__(self, node):
        self.node, self.cpus = node, CPUS

    def jobs(self):
        """Return what scontrol knows of every job, the oldest first: a dict of its fields each."""
        lines = output_of("scontrol", "--oneliner", "show", "jobs").splitlines()
        jobs = [
            dict(field.split("=", 1) for field in line.split() if "=" in field)
            for line in lines
            if line.startswith("JobId=")
        ]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def jobs_of(self, rule):
        """Return the jobs of one rule (the plugin names it in the comment)."""
        return [
            job
            for job in self.jobs()
            if f"{job.get('Comment', '')}_wildcards_".startswith(f"rule_{rule}_wildcards_")
        ]

    def running(self, rule):
        """Wait for a running job of a rule and return it."""

        def a_running_job():
            return [job for job in self.jobs_of(rule) if job["JobState"] == "RUNNING"]

        return until(a_running_job, 120)[-1]

    def cancel(self, job):
        output_of("scancel", job["JobId"])

    def set_node(self, state):
        output_of("scontrol", "update", f"nodename={self.node}", f"state={state}", "reason=test")


@contextmanager
def started(folder):
    """Start the cluster with its files in `folder`, yield it, and stop it."""
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool", "dev"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    device = folder / "dev" / "nvidia0"
    os.mknod(device, 0o666 | 0o020000, os.makedev(1, 3))  # a null device: GPU requests need a file
    conf = CONF.format(host=host, folder=folder, cpus=CPUS, memory=MEMORY_MB)
    (folder / "slurm.conf").write_text(conf)
    gres = f"AutoDetect=off\nNodeName={host} Name=gpu Type=fake File={device}\n"
    (folder / "gres.conf").write_text(gres)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    ETC.mkdir(exist_ok=True)
    Path("/run/munge").mkdir(mode=0o755, exist_ok=True)
    os.chown("/run/munge", 0, 0)
    try:
        for name in FILES:  # where every client looks for them
            (ETC / name).unlink(missing_ok=True)  # a link into nothing, of a run that was killed
            (ETC / name).symlink_to(folder / name)
        munge = {"key-file": key, "pid-file": folder / "munged.pid", "seed-file": folder / "seed"}
        options = [f"--{name}={path}" for name, path in munge.items()]
        output_of("munged", "--force", *options, f"--log-file={folder}/munged.log")
        output_of("slurmctld")

        def the_controller_answers():
            done = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
            return "UP" in done.stdout

        until(the_controller_answers)
        output_of("slurmd")

        def the_node_is_idle():
            return output_of("sinfo", "--noheader", "--format=%T").strip() == "idle"

        until(the_node_is_idle)
        yield Slurm(host)
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            pid = folder / f"{name}.pid"
            if pid.is_file() and (number := pid.read_text().strip()):
                os.kill(int(number), signal.SIGTERM)
        for name in FILES:
            (ETC / name).unlink(missing_ok=True)
