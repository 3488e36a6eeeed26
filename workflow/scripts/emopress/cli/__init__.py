"""The commands for shipped models and results: `python -m emopress predict | compare | export | card | push | verify`.

Each module named in COMMANDS has `add_parser(subparsers)` and `run(arguments) -> int`. Only the module of
the given command is imported, so that no command needs the packages of another.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from emopress.errors import UserError

# How to install the packages that a command needs.
PREDICTING = ("numpy", "onnxruntime", "tokenizers")
COMMANDS = {
    "predict": f"pip install {' '.join(PREDICTING)}",
    "compare": "install emopress with its extra `compare`",
    "export": "pip install onnx onnxruntime tokenizers",
    "card": "install emopress with its extra `push`",
    "push": "install emopress with its extra `push`",
    "verify": "pip install emopress",
}
TRACEBACK_VARIABLE = "EMOPRESS_TRACEBACK"  # if set, unexpected errors show their traceback


class Parser(argparse.ArgumentParser):
    """A parser that reports mistakes in one line and allows options between positional arguments."""

    mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse like argparse, but let the parser of a command accept options anywhere."""
        if self._subparsers or self.mixing:
            return super().parse_known_args(args, namespace)
        self.mixing = True  # intermixed parsing calls this method again
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.mixing = False

    def error(self, message: str) -> NoReturn:
        """Exit with status 2, the mistake, and a pointer to the help."""
        if message.startswith("unrecognized arguments"):
            message += (
                "; put quotes around what has spaces, and -- before a text that starts with -"
            )
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: success; 1: an error, reported in one line on stderr; 130: Ctrl-C; 141: the reader of the output
    has closed it (`| head`). A mistake on the command line raises SystemExit(2), as in argparse.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if not word.startswith("-")), "")
    try:
        for stream, name in ((sys.stdout, "output"), (sys.stderr, "error")):
            if stream is None:
                raise UserError(f"standard {name} is closed")
        status = _run(words, command)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except UserError as error:
        return _failed(str(error))
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        if isinstance(error, OSError):
            _discard_output()  # the disk may be full
        return _failed(_one_line(error, command))


def _run(words: list[str], command: str) -> int:
    module = sys.argv[0].endswith("__main__.py")
    parser = Parser(
        prog="python -m emopress" if module else "emopress",
        description="Use, compare and publish models made by emopress. A bundle is the folder "
        "`bundle` of a variant, results/DATASET/VARIANT/seed0/bundle, or a copy of it.",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {
        name: import_module(f"emopress.cli.{name}")
        for name in ([command] if command in COMMANDS else COMMANDS)
    }
    for each in modules.values():
        each.add_parser(subparsers)
    arguments = parser.parse_args(words)
    return int(modules[arguments.command].run(arguments))


def _one_line(error: Exception, command: str) -> str:
    """Return the message for an unexpected error."""
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("emopress"):
        package = (error.name or "").split(".")[0]
        cure = COMMANDS.get(command, COMMANDS["predict"])
        if command == "predict" and package not in PREDICTING:  # needed for a kind of table
            cure = f"pip install {package}"
        return f"{command or 'emopress'} needs the Python package {package}; {cure}"
    if isinstance(error, OSError):
        return str(error)
    return f"{type(error).__name__}: {error} ({TRACEBACK_VARIABLE}=1 shows where)"


def _discard_output() -> None:
    """Redirect standard output to nowhere, or Python would fail to flush it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(message: str) -> int:
    """Print an error as one line on stderr and return its exit status."""
    if sys.stderr is not None:
        print(f"error: {' '.join(message.splitlines())}", file=sys.stderr)
    return 1
