"""Bad configs: what is wrong, how the good one becomes so, and the line that says it."""

GOOD = """\
name: good
seeds: [0]
study:
  - dataset: demo-en
    variants: [tiny, tiny+mag50, tiny+mag50+int8, linear]
models:
  tiny:
    family: transformer
    init: {architecture: bert, layers: 2, width: 64, heads: 2, ffn: 128}
    tokenizer: {train: wordpiece, vocab_size: 500, lowercase: true}
    train: {epochs: 1}
  linear: {family: linear}
passes:
  mag50: {kind: prune, method: magnitude, amount: 0.5}
  int8: {kind: quantize, method: static}
  kd: {kind: distill, student: tiny}
"""
HUB = (
    "is not valid; allowed: OWNER/NAME "
    "as on huggingface.co (google-bert/bert-base-uncased); for a folder of your own from_mirror "
    "(config/README.md, The mirror)"
)
VARIANTS = ("study", 0, "variants")
PRUNE = {"kind": "prune", "method": "magnitude"}
LINEAR = {"family": "linear"}
NAME = "is not valid; allowed: lower-case letters, digits, dot and hyphen"
PASSES = "allowed: int8, kd, mag50"
FILE = {"name": "a.csv", "path": "data/demo/demo-en.csv"}
SMALL = {
    "title": "T",
    "language": "en",
    "labels": ["a", "b"],
    "licence": "MIT",
    "source": {"files": [{"name": "demo-en.csv", "path": "data/demo/demo-en.csv"}]},
}
RESERVED = (
    "give the data set another name; reserved are: benchmarks, checksums, data, details.json, figures, flips, "
    "logs, models, readme.md, recommendation.json, report.html, report.md, rulegraph.mmd, seeds.csv, "
    "statistics, summary.csv, summary.parquet, summary.tex, timing, tokenizers, tracking, vectors"
)


def of_demo(**changes):
    """Return a change of the data set demo-en."""
    return ("datasets",), {"demo-en": changes}


def files(*entries):
    """Return a change of the files of demo-en."""
    return of_demo(source={"files": [FILE | entry for entry in entries]})


# what is wrong -> (where it is put, () for keys at the top; what is put there; the line that says it)
MISTAKES = {
    "labels of a checkpoint for a model from scratch": (
        ("models", "tiny", "labels"),
        ["joy", "fear"],
        "models.tiny: 'labels' changes nothing beside init",
    ),
    "a tokenizer from two sources": (
        ("models", "tiny", "tokenizer", "from_mirror"),
        "bangla",
        "models.tiny.tokenizer: give exactly one of train, model, hub, from_mirror; given: train, "
        "from_mirror",
    ),
    "a tokenizer without a source": (
        ("models", "tiny", "tokenizer"),
        {"lowercase": True},
        "models.tiny.tokenizer: give exactly one of train, model, hub, from_mirror; given: none",
    ),
    "a tokenizer from elsewhere for a pretrained checkpoint": (
        ("models", "mbert"),
        {"family": "transformer", "from_mirror": True, "tokenizer": {"from_mirror": "bangla"}},
        "models.mbert.tokenizer: a pretrained checkpoint brings its own; allowed: lowercase, strip_accents, as_stored",
    ),
    "accents of a tokenizer that is trained": (
        ("models", "tiny", "tokenizer", "strip_accents"),
        True,
        "models.tiny.tokenizer: 'strip_accents' changes nothing beside train",
    ),
    "a revision without a hub": (
        ("models", "tiny", "tokenizer", "revision"),
        "main",
        "models.tiny.tokenizer: 'revision' changes nothing without hub",
    ),
    "a metric that needs several labels per text": (
        ("study", 0, "judge_by"),
        "jaccard",
        "study.demo-en.judge_by: 'jaccard' is for several labels per text (with one it equals accuracy); allowed: "
        "accuracy, macro_f1",
    ),
    "accuracy where a text has several labels": (
        (),
        {
            "study": [{"dataset": "demo-en", "judge_by": "accuracy", "variants": ["linear"]}],
            "datasets": {"demo-en": {"multilabel": True, "columns": {"separator": ","}}},
        },
        "study.demo-en.judge_by: 'accuracy' is for one label per text, for whole sets of them write "
        "subset_accuracy; allowed: macro_f1, micro_f1, sample_f1, jaccard, subset_accuracy",
    ),
    "a budget that prefers accuracy where macro F1 decides": (
        (),
        {
            "study": [{"dataset": "demo-en", "judge_by": "macro_f1", "variants": ["linear"]}],
            "budgets": {"best": {"prefer": "accuracy"}},
        },
        "budgets.best.prefer: 'accuracy', but macro_f1 decides on demo-en; write score",
    ),
    "an unknown metric": (
        ("study", 0, "judge_by"),
        "f1",
        "study.0.judge_by: 'f1' is not one of accuracy, macro_f1, micro_f1, sample_f1, jaccard, subset_accuracy",
    ),
    "a budget in an unknown metric": (
        ("budgets",),
        {"small": {"max_f1_loss": 1}},
        "budgets.small: unknown key 'max_f1_loss'; did you mean 'max_loss'? Allowed: prefer, max_size_mb, "
        "max_latency_ms, max_loss, max_accuracy_loss, max_macro_f1_loss, max_micro_f1_loss, max_sample_f1_loss, "
        "max_jaccard_loss, max_subset_accuracy_loss",
    ),
    "a number for a list": (("seeds",), 3, "seeds: 3 is not a list; write [3]"),
    "unknown key at the top": (
        ("colour",),
        "blue",
        "unknown key 'colour'; allowed: name, description, mirror, device, gpus, tracking, seeds, study, budgets, "
        "datasets, models, passes, evaluate, statistics, timing",
    ),
    "misspelt key of a pass": (
        ("passes", "mag50", "ammount"),
        0.5,
        "passes.mag50: unknown key 'ammount'; did you mean 'amount'? "
        "Allowed: kind, method, amount, scope, recover, distill",
    ),
    "unknown key of a model": (
        ("models", "linear", "epochs"),
        3,
        "models.linear: unknown key 'epochs'; allowed: family, analyzer, ngrams, min_count, max_features, "
        "features, C, class_weight",
    ),
    "a text for a list": (
        ("seeds",),
        "0",
        "seeds: '0' is not a list; write [0]",
    ),
    "a list for a mapping": (("passes",), ["trim"], "passes: ['trim'] is not a mapping"),
    "a text for a pass": (
        ("passes", "kd"),
        "distill",
        "passes.kd: 'distill' is not a mapping",
    ),
    "null for a model": (
        ("models", "linear"),
        None,
        "models.linear: null is not a mapping",
    ),
    "a text for a whole number": (
        ("models", "tiny", "train", "epochs"),
        "3",
        "models.tiny.train.epochs: '3' is not a whole number; write a number without quotes",
    ),
    "1e-4, which YAML reads as a text": (
        ("models", "tiny", "train", "learning_rate"),
        "1e-4",
        "models.tiny.train.learning_rate: '1e-4' is not a number; write 0.0001, without quotes",
    ),
    "true for a whole number": (("seeds",), [True], "seeds.0: true is not a whole number"),
    "no as a label, which YAML reads as false": (
        *of_demo(labels=["yes", False]),
        "datasets.demo-en.labels.1: false is not text; "
        "YAML takes yes, no, on and off for true and false: put it between quotes",
    ),
    "a fraction for a whole number": (("seeds",), [1.5], "seeds.0: 1.5 is not a whole number"),
    "a share above one": (
        ("passes", "mag50", "amount"),
        1.5,
        "passes.mag50.amount: 1.5 is too large; it must be below 1",
    ),
    "a negative seed": (("seeds",), [-1], "seeds.0: -1 is too small; it must be at least 0"),
    "a number that is too large": (
        ("models", "tiny", "train", "epochs"),
        100000,
        "models.tiny.train.epochs: 100000 is too large; it must be at most 1000",
    ),
    "not a number": (
        ("models", "tiny", "train", "learning_rate"),
        float("nan"),
        "models.tiny.train.learning_rate: nan is not a finite number",
    ),
    "an infinite limit": (
        ("budgets",),
        {"small": {"max_size_mb": float("inf")}},
        "budgets.small.max_size_mb: inf is not a finite number",
    ),
    "a value that is not allowed": (
        ("device",),
        "tpu",
        "device: 'tpu' is not one of auto, cpu, cuda",
    ),
    "several GPUs, and training on the CPU": (
        (),
        {"device": "cpu", "gpus": 2},
        "gpus: 2 GPUs for each training run, but device: cpu uses none; allowed: 1",
    ),
    "no GPU at a time": (("gpus",), 0, "gpus: 0 is too small; it must be at least 1"),
    "a value of the wrong type": (
        ("timing",),
        {"threads": ["most"]},
        "timing.threads.0: 'most' is not a whole number or all",
    ),
    "a missing key": (("passes", "mag50"), PRUNE, "passes.mag50: missing key 'amount'"),
    "two keys that exclude each other": (
        ("passes", "kd", "layers"),
        [0],
        "passes.kd: give exactly one of student, layers; given: student, layers",
    ),
    "a name with a slash": (("models", "a/b"), LINEAR, f"models: 'a/b' {NAME}"),
    "a name with a plus": (("models", "a+b"), LINEAR, f"models: 'a+b' {NAME}"),
    "a name with a space": (("passes", "a b"), {"kind": "trim"}, f"passes: 'a b' {NAME}"),
    "a name with capitals": (("passes", "Mag"), {"kind": "trim"}, f"passes: 'Mag' {NAME}"),
    "a name that leaves the folder": (("models", ".."), LINEAR, f"models: '..' {NAME}"),
    "a name that ends in a line break": (
        ("models", "a\n"),
        LINEAR,
        f"models: 'a\\n' {NAME}",
    ),
    "a name that is too long": (
        ("models", "a" * 41),
        LINEAR,
        f"models: '{'a' * 41}' is too long; allowed: 40 characters",
    ),
    "a name that is a number": (
        ("models", 7),
        LINEAR,
        'models: 7 is not text; put it between quotes: "7"',
    ),
    "a study's name with a slash": (("name",), "../up", f"name: '../up' {NAME}"),
    "one name for a model and a pass": (
        ("passes", "linear"),
        {"kind": "trim"},
        "passes.linear: a model has this name too; names must differ",
    ),
    "a variant twice": (
        VARIANTS,
        ["tiny", "tiny"],
        "study.0.variants: 'tiny' is listed twice",
    ),
    "a data set twice": (
        ("study",),
        [{"dataset": "demo-en", "variants": ["linear"]}] * 2,
        "study: dataset 'demo-en' is listed twice",
    ),
    "a seed twice": (
        ("seeds",),
        [3, 3],
        "seeds: 3 is listed twice",
    ),
    "an unknown model": (
        VARIANTS,
        ["huge"],
        "study.demo-en: variant 'huge': unknown model 'huge'; allowed: linear, tiny",
    ),
    "an unknown pass": (
        VARIANTS,
        ["tiny", "tiny+squash"],
        f"study.demo-en: variant 'tiny+squash': unknown pass 'squash'; {PASSES}",
    ),
    "a variant with a space": (
        VARIANTS,
        ["linear "],
        "study.demo-en: variant 'linear ': unknown model 'linear '; did you mean 'linear'? Allowed: linear, tiny",
    ),
    "a variant with two plus signs": (
        VARIANTS,
        ["tiny", "tiny++int8"],
        f"study.demo-en: variant 'tiny++int8': unknown pass ''; {PASSES}",
    ),
    "an unknown data set": (
        ("study", 0, "dataset"),
        "demo-fr",
        "study: unknown dataset 'demo-fr'; did you mean 'demo-en'? Allowed: "
        "demo-bn, demo-en, emotion, goemotions, goemotions-ekman, ubmec",
    ),
    "an unknown student": (
        ("passes", "kd", "student"),
        "nobody",
        "passes.kd.student: unknown model 'nobody'; allowed: linear, tiny",
    ),
    "int8 before pruning": (
        VARIANTS,
        ["tiny", "tiny+int8+mag50"],
        "study.demo-en: variant 'tiny+int8+mag50': pass 'mag50' (prune magnitude) cannot follow 'int8' "
        "(quantize static): that leaves a quantized bundle, this reads a checkpoint",
    ),
    "pruning of a linear model": (
        VARIANTS,
        ["tiny", "linear+mag50"],
        "study.demo-en: variant 'linear+mag50': pass 'mag50' (prune magnitude) cannot be applied to "
        "'linear', a linear model; it takes: transformer",
    ),
    "a variant without its reference": (
        VARIANTS,
        ["tiny+mag50"],
        "study.demo-en: variant 'tiny+mag50' is compared with 'tiny', which is not among the variants; "
        "add it, or set reference",
    ),
    "a variant that is too long for a file name": (
        VARIANTS,
        ["tiny", "tiny" + 40 * "+mag50"],
        f"study.demo-en: variant 'tiny{40 * '+mag50'}': 244 characters, and it names a folder and a log; allowed: "
        "240; give its model and passes shorter names",
    ),
    "no variants": (VARIANTS, [], "study.0.variants: [] is empty; give at least 1"),
    "no seeds": (("seeds",), [], "seeds: [] is empty; give at least 1"),
    "an empty study": (("study",), [], "study: [] is empty; give at least 1"),
    "no budgets": (("budgets",), {}, "budgets: {} is empty; give at least 1"),
    "a key that changes nothing": (
        ("passes", "kd", "layer_map"),
        "last",
        "passes.kd: 'layer_map' changes nothing without one of hidden_weight, attention_weight, cosine_weight",
    ),
    "heads that do not divide the width": (
        ("models", "tiny", "init", "heads"),
        3,
        "models.tiny.init: heads must divide width",
    ),
    "a single label": (
        *of_demo(labels=["joy"]),
        "datasets.demo-en.labels: ['joy'] has 1 entry; give at least 2",
    ),
    "a language by its name": (
        *of_demo(language="Portuguese"),
        "datasets.demo-en.language: 'Portuguese' is not a language tag; write pt (BCP 47: en, pt-BR, zh-Hant, yue)",
    ),
    "a language with an underscore": (
        *of_demo(language="pt_BR"),
        "datasets.demo-en.language: 'pt_BR' is not a language tag; write pt-BR (BCP 47: en, pt-BR, zh-Hant, yue)",
    ),
    "Norwegian, for which YAML reads false": (
        *of_demo(language=False),
        "datasets.demo-en.language: false is not text; YAML takes yes, no, on and off for true and false: "
        "put it between quotes",
    ),
    "a label with a space at its end": (
        *of_demo(labels=["joy ", "fear"]),
        "datasets.demo-en.labels: 'joy ' has spaces at an end; write 'joy'",
    ),
    "two labels that differ in case": (
        *of_demo(labels=["joy", "Joy"]),
        "datasets.demo-en.labels: 'joy' and 'Joy' differ in case alone; give one of them",
    ),
    "a label with a line break": (
        *of_demo(labels=["joy", "a\nb"]),
        "datasets.demo-en.labels.1: 'a\\nb' has a line break or a control character",
    ),
    "a label named like a column of the results": (
        *of_demo(labels=["noise", "joy|fun"]),
        "datasets.demo-en.labels: 'noise' is a column of predictions.parquet; give the label another name, with "
        "groups if the files have this one (groups: {my-noise: [noise], ...}); "
        "reserved are: id, split, noise, label, predicted",
    ),
    "a data set named like a folder of the results": (
        ("datasets",),
        {"flips": SMALL},
        f"datasets.flips: results/flips is where the workflow writes something else; {RESERVED}",
    ),
    "a data set named like a file of the results": (
        ("datasets",),
        {"summary.csv": SMALL},
        f"datasets.summary.csv: results/summary.csv is where the workflow writes something else; {RESERVED}",
    ),
    "a data file that does not exist": (
        *files({"path": "data/none.csv"}),
        "datasets.demo-en.source.files.a.csv: no file 'data/none.csv' in the repository",
    ),
    "a data file of an unknown format": (
        *files({"name": "a.doc", "path": "LICENSE"}),
        "datasets.demo-en.source.files.a.doc: unknown format '.doc'; allowed: .xlsx, .csv, .tsv, .parquet, .txt",
    ),
    "a data file without an ending": (
        *files({"name": "a", "path": "LICENSE"}),
        "datasets.demo-en.source.files.a: no ending that says its format; allowed: .xlsx, .csv, .tsv, .parquet, .txt",
    ),
    "a packed data file": (
        *of_demo(
            source={
                "files": [
                    {"name": "a.tsv", "url": "https://example.org/a.tsv.gz?x=1", "sha256": "0" * 64}
                ]
            }
        ),
        "datasets.demo-en.source.files.a.tsv: a packed file ('.gz'); unpack it first; "
        "allowed: .xlsx, .csv, .tsv, .parquet, .txt",
    ),
    "train and validation without test": (
        *files({"split": "train"}, {"name": "b.csv", "split": "validation"}),
        "datasets.demo-en.source.files: no file is test; published splits need train and test, and validation can be "
        "cut from train; add the file, or leave `split` out of all files: split: {method: clean} then cuts what is "
        "needed from all texts",
    ),
    "a file without a split beside others that have one": (
        *files({"split": "train"}, {"name": "b.csv", "split": "test"}, {"name": "c.csv"}),
        "datasets.demo-en.source.files: c.csv has no `split` and others have; say which it is (train, validation, "
        "test), or leave `split` out of all files: split: {method: clean} then cuts what is needed from all texts",
    ),
    "a list with a single column of 0 and 1": (
        *of_demo(multilabel=True, columns={"labels": ["joy"]}),
        "datasets.demo-en.columns.labels: ['joy'] has 1 entry; give at least 2",
    ),
    "a column of 0 and 1 that is no label": (
        *of_demo(labels=["joy", "fear"], multilabel=True, columns={"labels": ["joy", "envy"]}),
        "datasets.demo-en.columns.labels: must have the labels of the files; differing: envy, fear",
    ),
    "numbers for labels without quotation marks": (
        *of_demo(labels=[1, "2"]),
        'datasets.demo-en.labels.0: 1 is not text; put it between quotes: "1"',
    ),
    "a list of numbered labels that are other numbers": (
        *of_demo(labels=["1", "2"], columns={"numbered": ["1", "2"]}),
        "datasets.demo-en.columns.numbered: a list counts from 0, so that 0 would stand for '1'; leave it out to read "
        "numbers as the labels that they are, or write a mapping ({1: '1', ...})",
    ),
    "a label that no number stands for": (
        *of_demo(labels=["joy", "fear"], columns={"numbered": {1: "joy", 2: "envy"}}),
        "datasets.demo-en.columns.numbered: must have the labels of the files; differing: envy, fear",
    ),
    "a label in the place of a number": (
        *of_demo(labels=["joy", "fear"], columns={"numbered": {"joy": 1, "fear": 2}}),
        "datasets.demo-en.columns.numbered: 'fear' is not a number; allowed: number: label, as in {2: fear}",
    ),
    "a number that stands for two labels": (
        *of_demo(labels=["joy", "fear"], columns={"numbered": {1: "joy", "1.0": "fear"}}),
        "datasets.demo-en.columns.numbered: the number 1 is listed twice",
    ),
    "a delimiter by its name": (
        *of_demo(columns={"delimiter": "tab"}),
        "datasets.demo-en.columns.delimiter: 'tab'; allowed: one character (\\t is a tab), and no quotation mark or "
        "line break",
    ),
    "a quotation mark for a delimiter": (
        *files({"delimiter": '"'}),
        "datasets.demo-en.source.files.a.csv.delimiter: '\"'; allowed: one character (\\t is a tab), and no quotation "
        "mark or line break",
    ),
    "an unknown way of quoting": (
        *of_demo(columns={"quoting": "minimal"}),
        "datasets.demo-en.columns.quoting: 'minimal' is not one of none, csv, multiline",
    ),
    "a sheet for a .csv": (
        *of_demo(columns={"sheet": "May"}),
        "datasets.demo-en.columns: 'sheet' changes nothing; it is for .xlsx files",
    ),
    "a delimiter for a file that is not a table": (
        *files({"name": "a.txt", "path": "LICENSE", "delimiter": ";"}),
        "datasets.demo-en.source.files.a.txt: 'delimiter' changes nothing; it is for .csv and .tsv files",
    ),
    "a sheet before the first": (
        *of_demo(columns={"sheet": 0}),
        "datasets.demo-en.columns.sheet: 0 is too small; it must be at least 1",
    ),
    "a data file's name with a slash": (
        *files({"name": "../a.csv"}),
        "datasets.demo-en.source.files.0.name: '../a.csv' is not valid; allowed: the name of a file, without "
        "a folder",
    ),
    "two data files of one name": (
        *files({}, {}),
        "datasets.demo-en.source.files.a.csv: two files have this name",
    ),
    "a download without a hash": (
        *of_demo(source={"files": [{"name": "a.csv", "url": "https://example.org/a.csv"}]}),
        "datasets.demo-en.source.files.a.csv: sha256 is required for a file that is fetched",
    ),
    "a download from the disk": (
        *of_demo(
            source={"files": [{"name": "a.csv", "url": "file:///etc/passwd", "sha256": "0" * 64}]}
        ),
        "datasets.demo-en.source.files.0.url: 'file:///etc/passwd' is not valid; allowed: an address that "
        "begins with http:// or https://",
    ),
    "a test set of all texts": (
        *of_demo(split={"test_size": 1}),
        "datasets.demo-en.split.test_size: 1 is too large; it must be below 1",
    ),
    "a hub revision that is a branch": (
        ("models", "linear"),
        {"family": "transformer", "hub": "a/b", "revision": "dev", "train": {}},
        "models.linear.revision: 'dev' is not valid; allowed: a commit id of 40 hexadecimal "
        "digits (`make pins` writes it), or main",
    ),
    "a hub repository that is a path": (
        ("models", "linear"),
        {"family": "transformer", "hub": "../../a", "train": {}},
        f"models.linear.hub: '../../a' {HUB}",
    ),
    "a hub repository without its owner": (
        ("models", "linear"),
        {"family": "transformer", "hub": "bert-base-uncased", "train": {}},
        f"models.linear.hub: 'bert-base-uncased' {HUB}",
    ),
    "a folder of one's own as hub": (
        ("models", "linear"),
        {"family": "transformer", "hub": "./my-bert", "train": {}},
        f"models.linear.hub: './my-bert' {HUB}",
    ),
    "the address of a page as hub": (
        ("models", "linear"),
        {
            "family": "transformer",
            "hub": "https://huggingface.co/google-bert/bert-base-uncased",
            "train": {},
        },
        f"models.linear.hub: 'https://huggingface.co/google-bert/bert-base-uncased' {HUB}",
    ),
    "a hash that is too short": (
        ("models", "linear"),
        {"family": "transformer", "hub": "a/b", "sha256": "a1b2", "train": {}},
        "models.linear.sha256: 'a1b2' is not valid; allowed: 64 hexadecimal digits (`sha256sum FILE` prints them)",
    ),
    "a data set among the models": (
        ("models", "semeval"),
        {
            "title": "SemEval",
            "language": "en",
            "labels": ["joy", "fear"],
            "source": {"files": [FILE]},
        },
        "models.semeval: has the key 'source', as a data set does; put it under datasets",
    ),
    "a pass among the models": (
        ("models", "mag30"),
        {"kind": "prune", "method": "magnitude", "amount": 0.3},
        "models.mag30: has the key 'kind', as a pass does; put it under passes",
    ),
    "a model among the passes": (
        ("passes", "svm"),
        {"family": "linear"},
        "passes.svm: has the key 'family', as a model does; put it under models",
    ),
}

# Files that no config comes out of: what is wrong -> (the file's bytes; the line, after the file's name)
FILES = {
    "a YAML error": (
        b"name: a\nseeds: [0\nstudy: []\n",
        ", line 3, column 6: not valid YAML: did not find expected ',' or ']' "
        "(while parsing a flow sequence, which began in line 2)",
    ),
    "a tab for indentation": (
        b"name: a\nmodels:\n\ttiny: {}\n",
        ", line 3, column 1: not valid YAML: found character that cannot start any token (while scanning for "
        "the next token, which began in line 3); indent with spaces, not tabs, and quote texts that begin "
        "with a sign",
    ),
    "a colon in a text": (
        b"name: a\ndescription: one: two\n",
        ", line 2, column 17: not valid YAML: mapping values are not allowed in this context; "
        "quote a text that has a colon in it, and check the indentation",
    ),
    "an alias without its anchor": (
        b"name: *other\n",
        ", line 1, column 7: not valid YAML: found undefined alias",
    ),
    "a tag that builds an object": (
        b'name: !!python/object/apply:os.system ["true"]\n',
        ", line 1, column 7: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "two documents in one file": (
        b"name: a\n---\nname: b\n",
        ", line 2, column 1: not valid YAML: but found another document "
        "(expected a single document in the stream, which began in line 1)",
    ),
    "JSON that is cut off": (
        b'{"name": "a", "seeds": [0,}',
        ", line 1, column 27: not valid YAML: did not find expected node content "
        "(while parsing a flow node, which began in line 1)",
    ),
    "an empty config": (
        b"",
        ": empty; a config file is a mapping of keys to values (name: my-study)",
    ),
    "a list for a config": (
        b"- a\n- b\n",
        ": a list; a config file is a mapping of keys to values (name: my-study)",
    ),
    "a config in Latin-1": (
        b"name: a\ndescription: caf\xe9\n",
        ", line 2: not UTF-8 text (invalid continuation byte); save it as UTF-8",
    ),
    "a config that runs code": (
        b"__use_yte__: true\nname: ?open('ran', 'w')\n",
        ": __use_yte__ makes a config run code; not allowed: write the values out",
    ),
    "aliases that multiply": (
        b"a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 10)) for c in b"bcdefgh"
        ),
        ": its aliases repeat more than 100000 values; write fewer",
    ),
    "an alias that holds itself": (
        b"a: &a [*a]\n",
        ": nested too deeply, or an alias that holds itself",
    ),
    "a config of ten megabytes": (
        b"# " + b"x" * 10_000_000,
        ": 10000002 bytes; a config file has at most 1000000",
    ),
}
# Files that are read, but hold a key twice: what is wrong -> (bytes; the line, after the file's name)
REPEATS = {
    "a key twice in YAML": (
        GOOD.replace("seeds: [0]\n", "seeds: [0]\nseeds: [1]\n").encode(),
        ", line 3: key 'seeds' is given twice, first in line 2; give it once",
    ),
    "a pass twice in YAML": (
        GOOD.replace("  int8:", "  mag50: {kind: trim}\n  int8:").encode(),
        ", line 15: key 'passes.mag50' is given twice, first in line 14; give it once",
    ),
    "a key twice in JSON": (
        b'{"name": "a", "seeds": [0], "name": "b"}',
        ": key 'name' is given twice; give it once",
    ),
}
