"""Trimmed vocabularies: same tokens on the training texts, fewer rows, same logits and predictions."""

import json
import random

import numpy as np
import pandas
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel, Metaspace, Whitespace, WhitespaceSplit
from transformers import AutoTokenizer

from emopress.artifact import read_json
from emopress.checkpoint import read_checkpoint
from emopress.compress.tokenizer_entries import (
    entries_to_keep,
    greedy_path,
    script_of,
    scripts_of,
    single_characters,
    trimmed,
    unknown_id,
)
from emopress.compress.trim import (
    check_same_tokens,
    sample_logits,
    trim,
    trim_embeddings,
    trim_tokenizer,
    unknown_share,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.train.splits import read_split
from emopress.train.tokenizer import SPECIAL_TOKENS, embedding_rows, train_wordpiece
from emopress.train.tokenizer import wordpiece as wordpiece_of
from emopress.train.transformer import load_transformer

SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
STEP = {"name": "trim", "kind": "trim", "characters": "all", "min_entries": 0}
RELOAD = """
import json, sys
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
texts = json.load(open(sys.argv[2], encoding="utf-8"))
print(json.dumps([tokenizer.encode(text).tokens for text in texts]))
"""


def wordpiece(texts):
    return train_wordpiece(texts, vocab_size=900, lowercase=True)


def trained_bpe(texts, tokenizer, **options):
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=SPECIALS, show_progress=False, **options
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def bpe(texts):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    affixes = {"continuing_subword_prefix": "##", "end_of_word_suffix": "</w>"}
    return trained_bpe(texts, tokenizer, **affixes)


def byte_level_bpe(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    return trained_bpe(texts, tokenizer, initial_alphabet=ByteLevel.alphabet())


def ignoring_merges_bpe(texts):
    spec = json.loads(byte_level_bpe(texts).to_str())
    spec["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(spec))


def byte_fallback_bpe(texts):
    """As SentencePiece converts: spaces as ▁, and 256 byte entries for what has no entry."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=[*SPECIALS, *(f"<0x{byte:02X}>" for byte in range(256))],
        limit_alphabet=40,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] in SPECIALS]
    return Tokenizer.from_str(json.dumps(spec))


def unigram(texts):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFKC(), Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=900, special_tokens=SPECIALS, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


KINDS = [wordpiece, bpe, byte_level_bpe, ignoring_merges_bpe, byte_fallback_bpe, unigram]


def trim_to(tokenizer, texts, *, also=(), characters="all", min_entries=0):
    return trim_tokenizer(
        tokenizer,
        texts,
        also=set(also),
        characters=characters,
        min_entries=min_entries,
        where="a tokenizer",
    )


@pytest.mark.parametrize("language", ["en", "bn"])
@pytest.mark.parametrize("build", KINDS)
def test_same_tokens_dense_ids_and_reload(build, language, demo, tmp_path, python):
    corpus = demo[language].frame["text"].tolist()
    before, texts = build(corpus), [*corpus[:20], "ৠ 😱😱 Ω", ""]
    after, rows = trim_to(before, texts)
    assert after.get_vocab_size() < 0.9 * before.get_vocab_size()
    assert sorted(after.get_vocab().values()) == list(range(len(rows)))
    by_id = {index: entry for entry, index in before.get_vocab().items()}
    assert {e: by_id[rows[i]] for e, i in after.get_vocab().items()} == {
        e: e for e in after.get_vocab()
    }
    assert rows == sorted(set(rows))
    expected = [before.encode(text).tokens for text in texts]
    assert [after.encode(text).tokens for text in texts] == expected
    after.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    done = python(RELOAD, tmp_path / "tokenizer.json", tmp_path / "texts.json")
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("build", KINDS)
def test_every_kept_entry_is_needed(build, demo):
    """Used, special, one character, the lowest score, or a part of a kept entry: nothing else stays."""
    corpus = demo["en"].frame["text"].tolist()
    before = build(corpus)
    spec, texts = json.loads(before.to_str()), corpus[:100]
    after, _ = trim_to(before, texts)
    used = {i for text in texts for i in before.encode(text).ids}
    needed = {e for e, i in before.get_vocab().items() if i in used} | single_characters(spec)
    needed |= {*SPECIALS, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    if spec["model"]["type"] == "Unigram":
        needed.add(min(spec["model"]["vocab"], key=lambda pair: pair[1])[0])
    rest = set(after.get_vocab()) - needed
    merged = {
        part for merge in json.loads(after.to_str())["model"].get("merges", []) for part in merge
    }
    assert rest <= merged
    assert bool(rest) == (spec["model"]["type"] == "BPE")


@pytest.mark.parametrize("build", KINDS)
def test_an_unseen_text_is_still_spelt_from_single_characters(build, demo):
    corpus = demo["en"].frame["text"].tolist()
    before = build(corpus)
    after, _ = trim_to(before, corpus[:5])
    assert unknown_share(before, corpus) < 0.01
    assert unknown_share(after, corpus) == unknown_share(before, corpus)
    longer = [len(after.encode(text).ids) - len(before.encode(text).ids) for text in corpus]
    assert min(longer) == 0 and max(longer) > 0


def test_unknown_share_by_hand():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    assert unknown_share(tokenizer, ["a b x", "y"]) == 0.5
    assert unknown_share(tokenizer, [""]) == 0.0


@pytest.mark.parametrize("build", KINDS)
def test_min_entries_fills_up_with_the_lowest_ids(build, demo):
    corpus = demo["en"].frame["text"].tolist()
    before = build(corpus)
    least, rows = trim_to(before, corpus[:5])
    wanted = len(rows) + 50
    after, filled = trim_to(before, corpus[:5], min_entries=wanted)
    assert wanted <= len(filled) <= wanted + 5 and set(rows) < set(filled)
    assert after.get_vocab_size() > least.get_vocab_size()
    new = sorted(set(filled) - set(rows))
    left_out = sorted(set(before.get_vocab().values()) - set(filled))
    assert new[0] < left_out[0]
    all_of_it, everything = trim_to(before, corpus[:5], min_entries=10**6)
    assert everything == list(range(before.get_vocab_size()))
    assert all_of_it.get_vocab() == before.get_vocab()


def test_a_word_that_failed_must_not_start_to_fit():
    """`abcd` failed after abc, the longest start; without abc it would be a + ##bcd."""
    vocabulary = {"[UNK]": 0, "a": 1, "abc": 2, "##bcd": 3, "b": 4, "##bc": 5}
    before = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    before.pre_tokenizer = WhitespaceSplit()
    assert before.encode("abcd abcd").tokens == ["[UNK]", "[UNK]"]
    after, rows = trim_to(before, ["abcd abcd", "abcd", "abcdbcd"], also={3})
    assert rows == [0, 1, 2, 3, 4]
    assert after.encode("abcd").tokens == ["[UNK]"]
    assert greedy_path("abcd", vocabulary, "##") == ["abc"]
    assert greedy_path("abcbc", vocabulary, "##") == ["abc", "##bc"]
    assert greedy_path("xa", vocabulary, "##") == []


def test_the_lowest_score_stays_since_unknown_characters_are_priced_by_it():
    """u + wxv + t = -60 beats uw + ? + vt while ? is -60 - 10; without zz it would be -20 - 10."""
    scores = {"<unk>": 0.0, "u": -20.0, "t": -20.0, "wxv": -20.0, "uw": -1.0, "vt": -1.0}
    vocabulary = [*scores.items(), ("zz", -60.0)]
    after, rows = trim_to(Tokenizer(models.Unigram(vocabulary, unk_id=0)), ["uwxvt", "uw vt"])
    assert rows == [0, 1, 2, 3, 4, 5, 6]
    assert after.encode("uwxvt").tokens == ["u", "wxv", "t"]
    without = Tokenizer(models.Unigram(vocabulary[:-1], unk_id=0))
    assert without.encode("uwxvt").tokens == ["uw", "x", "vt"]


def test_merges_by_hand():
    """abc = ab + c or a + bc: both ways stay, since either may come first in a word."""
    entries = ["<unk>", *"abcd", "ab", "bc", "abc", "cd", "abcd"]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    merges = [("a", "b"), ("b", "c"), ("ab", "c"), ("a", "bc"), ("c", "d"), ("ab", "cd")]
    before = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    after, rows = trim_to(before, ["abc"])
    assert rows == [0, 1, 2, 3, 4, 5, 6, 7]
    assert json.loads(after.to_str())["model"]["merges"] == [list(merge) for merge in merges[:4]]


def test_single_characters_by_hand():
    def found(model):
        return single_characters(json.loads(Tokenizer(model).to_str()))

    wordpiece = dict.fromkeys(["[UNK]", "a", "##a", "ab", "##ab", "#", "##", "###", "ক", "কি"])
    vocabulary = {entry: index for index, entry in enumerate(wordpiece)}
    assert found(models.WordPiece(vocabulary, unk_token="[UNK]")) == {"a", "##a", "#", "###", "ক"}
    vocabulary = {e: i for i, e in enumerate(["a", "##a</w>", "a</w>", "ab</w>", "##ab", "<0x0A>"])}
    bpe = models.BPE(vocabulary, [], continuing_subword_prefix="##", end_of_word_suffix="</w>")
    assert found(bpe) == {"a", "##a</w>", "a</w>", "<0x0A>"}
    pieces = ["<unk>", "▁", "▁a", "a", "▁ab", "<0xFF>", "<0xfg>"]
    assert found(models.Unigram([(p, 0.0) for p in pieces], 0)) == {"▁", "▁a", "a", "<0xFF>"}


FRAMES = {
    "template": processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 7), ("[SEP]", 5)]
    ),
    "bert": processors.BertProcessing(("[SEP]", 5), ("[CLS]", 7)),
    "roberta": processors.RobertaProcessing(("[SEP]", 5), ("[CLS]", 7)),
    "sequence": processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.BertProcessing(("[SEP]", 5), ("[CLS]", 7)),
        ]
    ),
}


def gapped(frame=None):
    """A vocabulary with ids 0 to 9 of which 3 and 4 are missing, and an added token beyond it."""
    entries = ["[UNK]", "aa", "a", None, None, "[SEP]", "bb", "[CLS]", "[PAD]", "b"]
    vocabulary = {entry: index for index, entry in enumerate(entries) if entry}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens(["[CLS]", "[SEP]", "[PAD]"])
    if frame:
        tokenizer.post_processor = FRAMES[frame]
    tokenizer.enable_padding(pad_id=8, pad_token="[PAD]")
    return tokenizer


@pytest.mark.parametrize("frame", FRAMES)
def test_frames_and_padding_follow_the_new_ids(frame):
    before = gapped(frame)
    spec = json.loads(before.to_str())
    smaller, rows = trimmed(spec, entries_to_keep(spec, {6}, characters=single_characters(spec)))
    after = Tokenizer.from_str(json.dumps(smaller))
    assert rows == [0, 2, 5, 6, 7, 8, 9]
    assert after.get_vocab() == {
        **{"[UNK]": 0, "a": 1, "[SEP]": 2, "bb": 3, "[CLS]": 4, "[PAD]": 5, "b": 6}
    }
    encoded = after.encode_batch(["bb a", "b"])
    assert [e.ids for e in encoded] == [[4, 3, 1, 2], [4, 6, 2, 5]]
    assert encoded[1].tokens == ["[CLS]", "b", "[SEP]", "[PAD]"]
    assert {t["content"]: t["id"] for t in smaller["added_tokens"]} == {
        **{"[SEP]": 2, "[CLS]": 4, "[PAD]": 5}
    }


def test_added_tokens_beyond_the_vocabulary_move_behind_it():
    before = wordpiece(["one two three"] * 3)
    before.add_tokens(["[EMOTION]", "[OTHER]"])
    size = before.get_vocab_size()
    after, rows = trim_to(before, ["one [OTHER]"])
    assert rows[-2:] == [size - 2, size - 1]
    assert after.encode("[EMOTION]").ids[1] == len(rows) - 2
    assert after.encode("one [OTHER]").tokens == before.encode("one [OTHER]").tokens


def test_a_frame_that_names_an_id_without_entry_is_refused():
    before = gapped()
    before.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 7))
    with pytest.raises(UserError, match="id 4, which no entry has"):
        trim_to(before, ["aa"])


def test_other_tokenizers_are_refused_by_name():
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    with pytest.raises(UserError, match="a tokenizer: a WordLevel tokenizer; trim takes WordPiece"):
        trim_to(words, ["a"])
    loose = Tokenizer(models.BPE({"a": 0, "<unk>": 1}, [], unk_token="<unk>", dropout=0.5))
    with pytest.raises(UserError, match=r"dropout: 0\.5"):
        trim_to(loose, ["a"])


def test_other_tokens_or_other_rows_are_found():
    before = gapped()
    spec = json.loads(before.to_str())
    smaller, rows = trimmed(spec, entries_to_keep(spec, set(), characters=single_characters(spec)))
    after = Tokenizer.from_str(json.dumps(smaller))
    check_same_tokens(before, after, rows, ["a b", "b"], "here")
    with pytest.raises(UserError, match=r"here: .* training text 'a bb'"):
        check_same_tokens(before, after, rows, ["a", "a bb"], "here")
    with pytest.raises(UserError, match="training text 'b'"):
        check_same_tokens(before, after, [*rows[:-1], 6], ["a", "b"], "here")


def random_pieces(rng, count):
    return sorted({"".join(rng.choices("abcd", k=rng.randint(1, 4))) for _ in range(count)})


def random_wordpiece(rng):
    pieces = random_pieces(rng, 12) + ["##" + piece for piece in random_pieces(rng, 12)]
    rng.shuffle(pieces)
    vocabulary = {entry: index for index, entry in enumerate(["[UNK]", *pieces])}
    return Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))


def random_unigram(rng):
    pieces = [(piece, rng.choice([-1.0, -2.5, -4.0, -9.0])) for piece in random_pieces(rng, 15)]
    rng.shuffle(pieces)
    return Tokenizer(models.Unigram([("<unk>", 0.0), *pieces], unk_id=0))


def random_bpe(rng):
    entries, merges = ["<unk>", *"abc"], []
    for _ in range(15):
        pair = (rng.choice(entries[1:]), rng.choice(entries[1:]))
        if pair not in merges:
            merges.append(pair)
            entries.append("".join(pair))
    vocabulary = {entry: index for index, entry in enumerate(dict.fromkeys(entries))}
    return Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))


@pytest.mark.parametrize("build", [random_wordpiece, random_unigram, random_bpe])
def test_random_vocabularies_give_the_same_tokens(build):
    """Dense, ambiguous vocabularies over four letters, with words that fail: no text may change."""
    dropped = unknown = 0
    for seed in range(150):
        rng = random.Random(seed)
        before = build(rng)
        before.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        texts = [
            " ".join("".join(rng.choices("abcd", k=rng.randint(1, 8))) for _ in range(3))
            for _ in range(3)
        ]
        after, rows = trim_to(before, texts)
        for text in texts:
            assert after.encode(text).tokens == before.encode(text).tokens
            assert [rows[index] for index in after.encode(text).ids] == before.encode(text).ids
            unknown += 0 in before.encode(text).ids
        dropped += before.get_vocab_size() - len(rows)
    assert dropped > 300 and unknown > 20


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "electra"])
def test_a_trimmed_checkpoint(architecture, artifacts, few, demo, tmp_path, python):
    from emopress.bundle.export import export_transformer
    from emopress.runtime.bundle import load
    from emopress.runtime.bundle_reader import read_bundle

    parent, out = artifacts.checkpoints[architecture], tmp_path / "checkpoint"
    trim(
        parent=parent, step=typed_step(STEP), seed=0, train=few.train, test=demo["en"].test, out=out
    )
    before, after = load_transformer(parent), load_transformer(out)
    table, smaller = before.get_input_embeddings(), after.get_input_embeddings()
    assert smaller.num_embeddings < 0.7 * table.num_embeddings
    assert after.config.vocab_size == smaller.num_embeddings
    old = Tokenizer.from_file(str(parent / "tokenizer.json"))
    new = Tokenizer.from_file(str(out / "tokenizer.json"))
    assert new.get_vocab_size() == embedding_rows(new) == smaller.num_embeddings
    theirs, texts = AutoTokenizer.from_pretrained(out), ["I was HAPPY", "zzz কি কু", "[SEP]"]
    assert theirs(texts)["input_ids"] == [new.encode(text).ids for text in texts]
    assert after.config.pad_token_id == new.token_to_id("[PAD]") == smaller.padding_idx
    for entry, index in new.get_vocab().items():
        assert torch.equal(smaller.weight[index], table.weight[old.token_to_id(entry)])
    texts = read_split(few.train).texts
    gap = sample_logits(after, new, texts, 32) - sample_logits(before, old, texts, 32)
    assert gap.abs().max() <= 1e-5

    manifest = read_checkpoint(out).manifest
    rows = table.num_embeddings
    findings = manifest["findings"]["trim"]
    assert findings.pop("max_logit_gap") <= 1e-5
    test_texts = read_split(demo["en"].test).texts
    assert findings == {
        "vocabulary_before": rows,
        "vocabulary_after": smaller.num_embeddings,
        "embedding_rows_removed_share": round(1 - smaller.num_embeddings / rows, 4),
        "unknown_token_share_test_before": round(unknown_share(old, test_texts), 6),
        "unknown_token_share_test_after": round(unknown_share(new, test_texts), 6),
    }
    assert manifest["recipe"][-1] == STEP
    assert manifest["params"] < read_checkpoint(parent).manifest["params"]

    export_transformer(out, tmp_path / "bundle")
    parent_bundle = artifacts.bundles[architecture]
    assert read_bundle(tmp_path / "bundle").size_bytes < read_bundle(parent_bundle).size_bytes
    expected = load(parent_bundle).predict_proba(texts)
    code = (
        "import json, sys, pandas; from emopress.runtime.bundle import load;"
        "texts = pandas.read_parquet(sys.argv[2])['text'].tolist();"
        "print(json.dumps(load(sys.argv[1]).predict_proba(texts).tolist()))"
    )
    found = json.loads(python(code, tmp_path / "bundle", few.train).stdout)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_pass_obeys_min_entries_and_is_deterministic(artifacts, few, tmp_path):
    job = {"parent": artifacts.checkpoints["bert"], "train": few.train, "test": few.validation}
    for name in ("first", "second"):
        step = {**STEP, "min_entries": 640}
        trim(step=typed_step(step), seed=3, out=tmp_path / name, **job)
    first, second = (read_checkpoint(tmp_path / name).manifest for name in ("first", "second"))
    assert first["findings"]["trim"]["vocabulary_after"] == 640
    assert first["files"] == second["files"]


def test_the_pass_needs_an_embedding_row_for_every_id(copied, few, tmp_path):
    from emopress.checkpoint import write_manifest

    folder = copied("bert", "checkpoints")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens(["[ONE TOO MANY]"])
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {k: v for k, v in read_json(folder / "checkpoint.json").items() if k != "files"}
    (folder / "checkpoint.json").unlink()
    write_manifest(folder, facts)
    with pytest.raises(UserError, match=r"tokenizer\.json: has ids up to .* the embeddings"):
        trim(
            parent=folder,
            step=typed_step(STEP),
            seed=0,
            train=few.train,
            test=few.validation,
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_texts_longer_than_the_model_reads_keep_their_tail(artifacts, few, tmp_path):
    """Entries that occur only behind max_length are kept, since another pass may read further."""
    frame = pandas.read_parquet(few.train)[:20]
    corpus = pandas.read_parquet(few.validation)["text"]
    frame.iloc[0, frame.columns.get_loc("text")] = "very " * 40 + " ".join(corpus)
    frame.to_parquet(tmp_path / "train.parquet")
    trim(
        parent=artifacts.checkpoints["bert"],
        step=typed_step(STEP),
        seed=0,
        train=tmp_path / "train.parquet",
        test=few.validation,
        out=tmp_path / "out",
    )
    old = Tokenizer.from_file(str(artifacts.checkpoints["bert"] / "tokenizer.json"))
    new = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    for text in corpus:
        assert new.encode(text).tokens == old.encode(text).tokens


def test_token_ids_of_the_config_are_renumbered(artifacts):
    model = load_transformer(artifacts.checkpoints["bert"])
    model.config.sep_token_id, model.config.bos_token_id = 3, 700
    model.config.eos_token_id = 5
    trim_embeddings(model, [1, 0, 3, 700])
    config = model.config
    assert (config.pad_token_id, config.sep_token_id, config.bos_token_id) == (1, 2, 3)
    assert config.eos_token_id is None  # its row is gone
    assert config.vocab_size == 4 and model.get_input_embeddings().padding_idx == 1


def test_unknown_id_of_every_model(demo):
    texts = demo["en"].frame["text"].tolist()
    found = {build.__name__: unknown_id(json.loads(build(texts).to_str())) for build in KINDS}
    assert found == {
        "wordpiece": 1,
        "bpe": 3,
        "byte_level_bpe": None,
        "ignoring_merges_bpe": None,
        "byte_fallback_bpe": 3,
        "unigram": 3,
    }


def test_scripts_of_texts_without_the_stray_ones():
    assert [script_of(c) for c in "aক漢९"] == ["LATIN", "BENGALI", "CJK", "DEVANAGARI"]
    assert [script_of(c) for c in "7!😱 "] == [None] * 4
    assert scripts_of(["আমি ভালো 123", "ok!"]) == {"BENGALI", "LATIN"}
    assert scripts_of(["a" * 998 + "漢", "é"]) == {"LATIN", "CJK"}, "1 of 1,000 letters"
    assert scripts_of(["a" * 1000 + "漢"]) == {"LATIN"}
    assert scripts_of([]) == set()


def test_characters_of_other_scripts_go_unless_all_are_wanted():
    words = [*SPECIAL_TOKENS, "hello", "a", "##a", "ক", "##ক", "漢", "!", "7", "😱", "bc"]
    before = wordpiece_of({word: i for i, word in enumerate(words)}, lowercase=True)
    spec = json.loads(before.to_str())
    assert single_characters(spec, {"LATIN"}) == {"a", "##a", "!", "7", "😱"}
    assert single_characters(spec) == {"a", "##a", "ক", "##ক", "漢", "!", "7", "😱"}
    after, rows = trim_to(before, ["hello a"], characters="used-scripts")
    assert sorted(after.get_vocab(), key=after.get_vocab().get) == [
        *(*SPECIAL_TOKENS, "hello", "a", "##a", "!", "7", "😱"),
    ]
    assert rows == [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13]
