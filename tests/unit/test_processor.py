"""Which processors need ONNX Runtime's option for exact int8 products, and that it is set on those alone."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from emopress.card.template import BODY
from emopress.runtime import processor
from emopress.runtime.onnxruntime import session_options

ROOT = Path(__file__).parents[2]
SKYLAKE = "sse4_2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl"
PROCESSORS = {  # the flags that matter, of one processor
    "Haswell": "sse4_2 fma avx2",
    "Zen 3": "sse4_2 fma avx2 vaes",
    "Skylake server": SKYLAKE,
    "Knights Mill": "avx2 avx512f avx512cd avx512_4vnniw avx512_4fmaps",
    "Cascade Lake": f"{SKYLAKE} avx512_vnni",
    "Alder Lake": "sse4_2 fma avx2 avx_vnni",
    "Zen 5": f"{SKYLAKE} avx_vnni avx512_bf16 avx512_vnni",
    "Sapphire Rapids": f"{SKYLAKE} avx_vnni avx512_vnni amx_bf16 amx_tile amx_int8",
}
EXACT = ("Cascade Lake", "Alder Lake", "Zen 5", "Sapphire Rapids")  # without the option
ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd asimddp i8mm\n"


def cpuinfo(*processors):
    """Return /proc/cpuinfo of processors with these flags, as Linux writes it."""
    return "\n".join(
        f"processor\t: {i}\nmodel name\t: A CPU: fast\nflags\t\t: {flags}\nbugs\t\t: spectre_v1\n"
        for i, flags in enumerate(processors)
    )


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Return a function that makes emopress see another machine: its /proc/cpuinfo, if any, and its names."""

    def be(text=None, machine="x86_64", platform="linux", simd=()):
        path = tmp_path / "cpuinfo"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        found = {"SIMD Extensions": {"found": list(simd)} if simd else {}}
        monkeypatch.setattr(processor, "CPUINFO", path)
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setattr("numpy.show_config", lambda mode: found)
        processor.processor_flags.cache_clear()

    yield be
    processor.processor_flags.cache_clear()


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_option_is_for_processors_without_8_bit_dot_products(machine, name):
    machine(cpuinfo(PROCESSORS[name], PROCESSORS[name]))
    assert processor.processor_flags() == set(PROCESSORS[name].split())
    expected = "0" if name in EXACT else "1"
    assert processor.x64quantprecision() == expected
    entry = session_options(1).get_session_config_entry("session.x64quantprecision")
    assert entry == expected


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        (cpuinfo(PROCESSORS["Zen 5"], PROCESSORS["Haswell"]), {}, "1"),  # the weakest decides
        (cpuinfo(PROCESSORS["Haswell"], PROCESSORS["Alder Lake"]), {}, "1"),
        # ONNX Runtime takes its 512-bit kernels where it can, and they need VNNI of that width.
        (cpuinfo(f"{SKYLAKE} avx_vnni"), {}, "1"),
        (
            cpuinfo(PROCESSORS["Zen 5"].replace("avx512vl", "")),
            {},
            "0",
        ),  # and its 256-bit ones else
        ("", {}, "1"),
        (ARM, {"machine": "x86_64"}, "1"),  # an x86 container that is emulated
        (ARM, {"machine": "aarch64"}, "0"),
        (None, {"machine": "arm64", "platform": "darwin"}, "0"),
        (None, {"machine": "x86_64", "platform": "darwin"}, "1"),
        (None, {"machine": "AMD64", "platform": "win32"}, "1"),
        (None, {"machine": "AMD64", "platform": "win32", "simd": ["X86_V3", "X86_V4"]}, "1"),
        (None, {"machine": "AMD64", "platform": "win32", "simd": ["X86_V4", "AVX512_ICL"]}, "0"),
        (None, {"machine": "ARM64", "platform": "win32"}, "0"),
    ],
)
def test_what_is_not_known_has_the_option(machine, text, names, expected):
    machine(text, **names)
    assert processor.x64quantprecision() == expected


def product(rows, inner, columns):
    """Return the bytes of a graph x [rows, inner] u8 times 127s [inner, columns] s8."""
    weights = np.full((inner, columns), 127, np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [rows, inner])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [rows, columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


@pytest.mark.parametrize("shape", [(1, 2, 1), (1, 64, 32), (5, 63, 33), (16, 384, 384)])
def test_products_are_exact_on_this_machine_whatever_it_is(shape):
    """16 bits hold 32767, and a pair of these products is 64770."""
    rows, inner, _ = shape
    options = session_options(1)
    session = onnxruntime.InferenceSession(
        product(*shape), options, providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {"x": np.full((rows, inner), 255, np.uint8)})[0]
    assert (found == 255 * 127 * inner).all()


@pytest.mark.parametrize(
    "name", [f"{a}-{m}" for a in ("bert", "distilbert", "electra") for m in ("static", "dynamic")]
)
def test_the_option_changes_no_logit_where_it_is_not_set(artifacts, texts, exact_unasked, name):
    assert exact_unasked(artifacts.bundles[name], texts)


def option_lines(source):
    """Return the lines of a published snippet that choose the session's options."""
    code = BODY if source == "card" else (ROOT / source).read_text("utf-8")
    return re.search(r"^options = .*?(?=^session = )", code, flags=re.DOTALL | re.MULTILINE)[0]


@pytest.mark.parametrize("source", ["docs/plain_onnxruntime.py", "README.md", "card"])
@pytest.mark.parametrize("name", [*PROCESSORS, "ARM", "no /proc/cpuinfo"])
def test_the_snippets_say_the_same(tmp_path, machine, source, name):
    text = ARM if name == "ARM" else cpuinfo(PROCESSORS[name]) if name in PROCESSORS else None
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")

    def path(name):
        assert name == "/proc/cpuinfo"
        return tmp_path / "cpuinfo"

    names = {"Path": path, "pathlib": SimpleNamespace(Path=path), "onnxruntime": onnxruntime}
    exec(option_lines(source), names)
    machine(text)
    expected = processor.x64quantprecision()
    if expected == "1":
        found = names["options"].get_session_config_entry("session.x64quantprecision")
        assert found == "1"
    else:
        with pytest.raises(RuntimeError):  # the entry is not there
            names["options"].get_session_config_entry("session.x64quantprecision")
