"""Published tokenizers: the tokens that transformers gives for the same files, or one line."""

import json
import unicodedata

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.normalizers import NFKC
from tokenizers.pre_tokenizers import ByteLevel, Metaspace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer, UnigramTrainer
from transformers import AutoTokenizer

from emopress.entries.tokenizer import Tokenizer as TokenizerEntry
from emopress.errors import UserError
from emopress.train.published_tokenizer import read_tokenizer
from emopress.train.tokenizer import (
    SPECIAL_TOKENS,
    embedding_rows,
    model_tokenizer,
    save_tokenizer,
    train_words,
    wordpiece,
)
from plain_entries import transformer

LETTERS = "abcdefghijklmnopqrstuvwxyzACEFGHTéÉকখগশসি"
WORDS = [
    *("the", "The", "cafe", "café", "Café", "joy", "খুশি", "খশ", "中", "文", "中文", "'", "!", ":"),
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
]
TEXTS = [
    *("The Café is HERE!", "the cafe's joy", "খুশি কি কু", "中文 joy", "<new> joy [MASK] <old>"),
    *("CAFÉ", "naïve", "a  b\tc", "", "🙂", unicodedata.normalize("NFD", "Café")),
]
BERT = {"model_type": "bert"}


def write(folder, words=WORDS, **files):
    """Write a folder with a vocab.txt and JSON files, given by their names without the ending."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *words]) + "\n", "utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return folder


SETTINGS = {
    "nothing": {},
    "capitals": {"do_lower_case": False},
    "lower case": {"do_lower_case": True},
    "accents kept": {"do_lower_case": True, "strip_accents": False},
    "accents off, capitals kept": {"do_lower_case": False, "strip_accents": True},
    "Chinese words": {"do_lower_case": False, "tokenize_chinese_chars": False},
    "a class": {"tokenizer_class": "BertTokenizer", "do_lower_case": False},
    "a fast class": {"tokenizer_class": "DistilBertTokenizerFast"},
    "old keys": {"do_basic_tokenize": False, "never_split": ["The"]},
    "words of its own": {"do_lower_case": False, "unk_token": "joy"},
}
BESIDE = {
    "nothing": {},
    "an added word": {"added_tokens": {"<new>": len(WORDS) + 5, "<old>": len(WORDS) + 6}},
    "a special token": {"special_tokens_map": {"additional_special_tokens": ["<new>"]}},
}


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra"])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("settings", SETTINGS)
def test_a_vocabulary_file_is_read_as_transformers_reads_it(tmp_path, kind, beside, settings):
    files = {"config": {"model_type": kind}, **BESIDE[beside]}
    if SETTINGS[settings]:
        files["tokenizer_config"] = SETTINGS[settings]
    folder = write(tmp_path / "m", **files)
    ours, theirs = read_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"]
    assert ours.truncation is None and ours.padding is None


def test_an_uncased_vocabulary_with_nothing_beside_it(tmp_path):
    """As google/bert_uncased_L-* are published: BERT's default is lower case, and accents go with it."""
    tokenizer = read_tokenizer(write(tmp_path, config=BERT))
    assert tokenizer.encode("The Café").tokens == ["[CLS]", "the", "cafe", "[SEP]"]


@pytest.mark.parametrize("says", [None, True, False])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_config_goes_before_the_files(tmp_path, says, wanted):
    files = {} if says is None else {"tokenizer_config": {"do_lower_case": says}}
    folder = write(tmp_path, config=BERT, **files)
    tokens = (
        read_tokenizer(folder, TokenizerEntry(lowercase=wanted)).encode("The Café").tokens[1:-1]
    )
    assert tokens == (["the", "cafe"] if wanted else ["The", "Café"])
    kept = read_tokenizer(folder, TokenizerEntry(lowercase=wanted, strip_accents=False))
    assert kept.encode("Café").tokens[1:-1] == (["café"] if wanted else ["Café"])


def test_a_lone_vocabulary_is_of_bert_and_keeps_capitals(tmp_path):
    """transformers knows no class for it: the folder of a tokenizer alone, as bangla-bert-base in a mirror."""
    folder = write(tmp_path)
    assert read_tokenizer(folder).encode("The খুশি").tokens[1:-1] == ["The", "খুশি"]
    assert read_tokenizer(folder, TokenizerEntry(lowercase=True)).encode("The").tokens[1:-1] == [
        "the"
    ]
    write(tmp_path, tokenizer_config={"do_lower_case": True})
    assert read_tokenizer(folder).encode("The").tokens[1:-1] == ["the"]


def test_line_ends_of_windows_and_a_word_twice(tmp_path):
    folder = write(tmp_path, ["a", "b", "a", "c"], config=BERT)
    path = folder / "vocab.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    tokenizer = read_tokenizer(folder)
    assert embedding_rows(tokenizer) == 9
    ids = AutoTokenizer.from_pretrained(folder)("a b c")["input_ids"]
    assert tokenizer.encode("a b c").ids == ids and max(ids) == 8


def cased():
    tokenizer = wordpiece({w: i for i, w in enumerate([*SPECIAL_TOKENS, *WORDS])}, lowercase=False)
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def test_a_tokenizer_file_that_transformers_reads_otherwise(tmp_path):
    """A cased tokenizer.json beside config.json alone: BERT's class has it lower-cased."""
    folder = write(tmp_path, config=BERT)
    cased().save(str(folder / "tokenizer.json"))
    with pytest.raises(UserError) as caught:
        read_tokenizer(folder)
    line = str(caught.value)
    assert line.startswith(f"{folder}: tokenizer.json and transformers ") and "\n" not in line
    assert (
        "cut 'The Garden' differently: [CLS] The G ##a ##r ##d ##e ##n [SEP] | [CLS] the " in line
    )
    assert line.endswith("which holds: as_stored: true (the file) or false")
    theirs = AutoTokenizer.from_pretrained(folder)
    for spec, same in (
        ({"as_stored": True}, cased()),
        ({"as_stored": False}, theirs.backend_tokenizer),
    ):
        found = read_tokenizer(folder, TokenizerEntry(**spec))
        assert [found.encode(t).ids for t in TEXTS] == [same.encode(t).ids for t in TEXTS]
    (settled,) = [
        read_tokenizer(folder, TokenizerEntry(lowercase=False))
    ]  # with which the two agree
    assert settled.encode("The Café").tokens[1:-1] == ["The", "Café"]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert read_tokenizer(folder).encode("The Café").tokens[1:-1] == ["The", "Café"]


def test_a_class_that_fails_on_the_file(tmp_path):
    """A WordPiece vocabulary beside Gemma's config.json: its class has no entry for unknown words."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gemma"}))
    cased().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match=r"\| Exception: Unk token .<unk>. not found in the voc"):
        read_tokenizer(tmp_path)
    assert read_tokenizer(tmp_path, TokenizerEntry(as_stored=True)).to_str() == cased().to_str()


def test_training_texts_are_compared_too(tmp_path):
    """A difference that none of the probes shows: an added word."""
    folder = write(tmp_path, config=BERT, tokenizer_config={"do_lower_case": False})
    cased().save(str(folder / "tokenizer.json"))
    (folder / "added_tokens.json").write_text(json.dumps({"<new>": len(WORDS) + 5}))
    assert read_tokenizer(folder, None, ["joy"])
    with pytest.raises(UserError, match="cut 'a <new> joy' differently"):
        read_tokenizer(folder, None, ["joy", "a <new> joy"])


REFUSED = {
    "no file": ({"vocab": None}, {}, r"holds neither tokenizer\.json nor vocab\.txt"),
    "no special tokens": (
        {"vocab": "<s>\n</s>\n"},
        {},
        r"vocab\.txt: no entry \[CLS\], \[MASK\], \[PAD\], \[SEP\], \[UNK\]; not a BERT vocabulary",
    ),
    "no mask": ({"vocab": "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n"}, {}, r"no entry \[MASK\]; not a BERT"),
    "another class": (
        {"tokenizer_config": {"tokenizer_class": "RobertaTokenizer"}},
        {},
        r"vocab\.txt: not the vocabulary of a RobertaTokenizer",
    ),
    "a class that needs a tokenizer.json": (
        {"tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"}},
        {},
        r"makes no tokenizer of it \(ValueError: Couldn't instantiate the backend tokenizer",
    ),
    "a class of its own": (
        {"tokenizer_config": {"tokenizer_class": "MyTokenizer"}},
        {},
        "makes no tokenizer of it",
    ),
    "a class in Python": (
        {
            "tokenizer_config": {
                "tokenizer_class": "BertJapaneseTokenizer",
                "word_tokenizer_type": "basic",
            }
        },
        {},
        r"a BertJapaneseTokenizer, which has no tokenizer\.json that the runtime could read",
    ),
    "code of its own": (
        {
            "tokenizer_config": {
                "tokenizer_class": "T",
                "auto_map": {"AutoTokenizer": ["x.T", None]},
            }
        },
        {},
        "makes no tokenizer of it",
    ),
    "as stored, and nothing is": ({}, {"as_stored": True}, r"as_stored: true, and there is no"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read(tmp_path, what):
    files, spec, message = REFUSED[what]
    vocabulary = files.get("vocab", "")
    folder = write(tmp_path, config=BERT, **{n: f for n, f in files.items() if n != "vocab"})
    if vocabulary is None:
        (folder / "vocab.txt").unlink()
    elif vocabulary:
        (folder / "vocab.txt").write_text(vocabulary)
    with pytest.raises(UserError, match=message) as caught:
        read_tokenizer(folder, TokenizerEntry(**spec))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def byte_bpe(texts):
    """Return a byte-level BPE tokenizer, framed as RoBERTa's."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    alphabet = ByteLevel.alphabet()
    return framed(tokenizer, texts, BpeTrainer(vocab_size=500, initial_alphabet=alphabet, **QUIET))


def unigram(texts):
    """Return a Unigram tokenizer with NFKC, framed as XLM-R's."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = NFKC(), Metaspace()
    return framed(tokenizer, texts, UnigramTrainer(vocab_size=200, unk_token="<unk>", **QUIET))


FRAMES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
QUIET = {"show_progress": False, "special_tokens": FRAMES}


def framed(tokenizer, texts, trainer):
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return tokenizer


def bert(texts):
    return cased()


def words(texts):
    return train_words(texts, vocab_size=300, lowercase=True)


ROBERTA = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]  # in the order of the roles
OURS = {"WordPiece": bert, "BPE": byte_bpe, "Unigram": unigram, "words": words}
CALL = """
import json, sys
from transformers import AutoTokenizer
texts, folders = (json.loads(open(path).read()) for path in sys.argv[1:])
for folder in folders:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    print(json.dumps({
        "ids": tokenizer(texts)["input_ids"],
        "cut": tokenizer(texts, truncation=True)["input_ids"],
        "inputs": sorted(tokenizer("a")),
        "special": tokenizer.special_tokens_map,
        "batch": len({len(row) for row in tokenizer(texts, padding=True)["input_ids"]}),
    }))
"""


def test_transformers_reads_ours_in_a_fresh_process(tmp_path, python, demo):
    texts = [t for language in ("bn", "en") for t in demo[language].frame["text"].tolist()[:60]]
    texts, folders = [*texts, *TEXTS], {}
    for made, make in OURS.items():
        for kind in ("bert", "distilbert", "mistral"):
            folder = tmp_path / f"{made}-{kind}"
            folder.mkdir()
            folders[folder] = made, make(texts)
            (folder / "config.json").write_text(json.dumps({"model_type": kind}))
            save_tokenizer(folders[folder][1], folder, max_length=8)
    (tmp_path / "texts").write_text(json.dumps(texts))
    (tmp_path / "folders").write_text(json.dumps(list(map(str, folders))))
    lines = python(CALL, tmp_path / "texts", tmp_path / "folders").stdout.splitlines()
    for line, (folder, (made, tokenizer)) in zip(
        lines[-len(folders) :], folders.items(), strict=True
    ):
        found = json.loads(line)
        assert found["ids"] == [tokenizer.encode(text).ids for text in texts]
        tokenizer.enable_truncation(8)
        assert found["cut"] == [tokenizer.encode(text).ids for text in texts]
        assert found["inputs"] == ["attention_mask", "input_ids"] and found["batch"] == 1
        names = SPECIAL_TOKENS if made in ("WordPiece", "words") else ROBERTA
        roles = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
        assert found["special"] == dict(zip(roles, names, strict=True))
        again = model_tokenizer(transformer(), folder, texts, language="bn")  # ours, in a mirror
        assert again.to_str() == Tokenizer.from_file(str(folder / "tokenizer.json")).to_str()
