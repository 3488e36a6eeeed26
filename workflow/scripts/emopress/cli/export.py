"""`emopress export --onnx BUNDLE OUT.onnx`: writes a bundle's model as one ONNX file that needs no emopress."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from emopress.cli.options import add_bundle
from emopress.errors import UserError

# The runtime that a manifest names -> what writes the file: (bundle, path) -> largest difference of a logit.
WRITERS = {
    "linear": "emopress.linear.onnx_graph:write_linear",
    "dense": "emopress.dense.onnx_graph:write_dense",
    "conv": "emopress.conv.onnx_graph:write_conv",
    "onnxruntime": "emopress.bundle.onnx_file:write_whole",
}


def add_parser(subparsers: Any) -> None:
    """Add `export` to the commands."""
    parser = subparsers.add_parser(
        "export",
        help="write a model as one ONNX file that needs no emopress",
        description="Write the model of a bundle with the runtime linear, dense or conv, or of one that stores its "
        "weights apart from its graph, as one ONNX file of standard operators. It opens in ONNX Runtime, "
        "OpenVINO and onnxruntime-web, and gives the bundle's logits. What it reads instead of a text, and how "
        "a text becomes that, is in docs/onnx-files.md.",
    )
    add_bundle(parser)
    parser.add_argument("out", metavar="OUT.onnx", type=Path, help="the file to write")
    parser.add_argument("--onnx", action="store_true", required=True, help="write ONNX")
    parser.add_argument("--force", action="store_true", help="replace OUT.onnx if it exists")


def run(arguments: argparse.Namespace) -> int:
    """Write the file; UserError if the bundle's model is ONNX already or has no such form."""
    from emopress.runtime.bundle_reader import read_bundle

    out: Path = arguments.out
    if out.suffix != ".onnx":
        raise UserError(f"{out}: give the file to write a name that ends in .onnx")
    if out.exists() and not arguments.force:
        raise UserError(f"{out}: exists; --force replaces it")
    bundle = read_bundle(arguments.bundle)
    runtime = bundle.manifest["runtime"]
    if runtime not in WRITERS:
        raise UserError(
            f"{bundle.folder}: its runtime is {runtime}, for which no ONNX file is written "
            f"(only for {', '.join(WRITERS)}); export the bundle that it was made from"
        )
    module, name = WRITERS[runtime].split(":")
    gap = getattr(import_module(module), name)(bundle, out)
    size_mb = out.stat().st_size / 1e6
    print(
        f"{out}: {size_mb:.3f} MB; its logits differ from the bundle's by {gap:.1e} of the largest"
    )
    return 0
