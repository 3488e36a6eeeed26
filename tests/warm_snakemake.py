"""Runs Snakemake's command line in forks of one process that has imported it, for `command_line.snakemake`.

Snakemake's imports take most of a second, and tests call it a hundred times. The process has imported nothing else: of
the project each fork imports what a fresh process would, from where that would.

Reads requests from standard input, a line of JSON each: cwd, env, arguments, and the files for stdout and stderr.
Answers with a line: the exit code.
"""

import json
import os
import sys
from importlib import import_module

# What a plan and a local run import.
MODULES = (
    *("snakemake.cli", "snakemake.api", "snakemake.workflow", "snakemake.report", "nbformat"),
    *("snakemake.executors.dryrun", "snakemake.executors.local", "snakemake.scheduling.greedy"),
)
WRITE = os.O_WRONLY | os.O_APPEND


def serve() -> dict:
    """Answer requests; in a fork for one of them, return it."""
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            return request
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def become(request: dict) -> None:
    """Give this process what a fresh one would have."""
    files = (os.devnull, os.O_RDONLY), *((request[name], WRITE) for name in ("out", "err"))
    for number, (path, how) in enumerate(files):
        stream = os.open(path, how)
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    main = os.path.join(sys.modules["snakemake"].__path__[0], "__main__.py")
    sys.argv = [main, *request["arguments"]]
    sys.path[0] = os.getcwd()  # as `python -m` has it


if __name__ == "__main__":
    for name in MODULES:
        import_module(name)
    become(serve())
    import_module("snakemake.cli").main()
