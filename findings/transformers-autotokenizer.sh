#!/bin/bash
# transformers 5 takes only the vocabulary of a tokenizer.json, and builds its normaliser anew by a class's defaults; or takes none of it.
#
# Versions: transformers 5.23.0, tokenizers 0.23.3, no torch.
# Expected: tokenizer.json holds a whole pipeline (normaliser, pre-tokenizer, model, frame), so AutoTokenizer of a folder
#   with it gives the tokens that tokenizers gives, as transformers 4 did. A class that cannot read the folder's vocabulary
#   raises.
# Seen:
#   1. A cased WordPiece tokenizer.json beside BertConfig's config.json: AutoTokenizer lower-cases, takes accents off, and
#      deletes Bengali vowel signs (three of the four in "কু কৃ কে ক্ষ", the nonspacing marks), silently: its class's defaults.
#   2. The same two files and tokenizer_config.json with tokenizer_class PreTrainedTokenizerFast: the file's own tokens.
#   3. A vocab.txt and tokenizer_class RobertaTokenizer: no error, a vocabulary of five special tokens, and every text is
#      "<s></s>".
#   4. do_basic_tokenize: false and never_split in tokenizer_config.json change nothing any more, and nothing says so.
# Who publishes a folder should write tokenizer_class; who reads one should compare with tokenizers.
# Exits 0 while this is so, and 1 when it changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3
"$folder/venv/bin/python" - "$folder" <<'P'
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import AutoTokenizer, BertConfig

root = Path(sys.argv[1])
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
words = ["Café", "cafe", "café", "কু", "কৃ", "কে", "ক্ষ", "ক", "কষ", "don", "'", "t", "don't"]
entries = {entry: index for index, entry in enumerate([*special, *words])}


def folder(name, *, stored=False, **settings):
    path = root / name
    BertConfig(vocab_size=len(entries)).save_pretrained(path)
    if stored:
        tokenizer = Tokenizer(WordPiece(entries, unk_token="[UNK]"))
        tokenizer.normalizer = BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = BertPreTokenizer()
        tokenizer.save(str(path / "tokenizer.json"))
    else:
        (path / "vocab.txt").write_text("\n".join(entries) + "\n", encoding="utf-8")
    if settings:
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def tokens(path, text):
    found = AutoTokenizer.from_pretrained(path)
    return [t for t in found.convert_ids_to_tokens(found(text)["input_ids"]) if t[0] not in "[<"]


text = "Café কু কৃ কে ক্ষ"
path = folder("stored", stored=True)
own = Tokenizer.from_file(str(path / "tokenizer.json")).encode(text).tokens
auto = tokens(path, text)
named = tokens(folder("named", stored=True, tokenizer_class="PreTrainedTokenizerFast"), text)
print("tokenizers:", own, "AutoTokenizer:", auto, "with tokenizer_class:", named)
other = AutoTokenizer.from_pretrained(folder("roberta", tokenizer_class="RobertaTokenizer"))
print("RobertaTokenizer beside vocab.txt:", len(other), "entries", other("Café don't")["input_ids"])
plain = tokens(folder("plain", do_lower_case=False), "don't")
kept = tokens(folder("kept", do_lower_case=False, never_split=["don't"], do_basic_tokenize=False), "don't")
print("don't:", plain, "never_split and no basic tokenizer:", kept)
changed = [
    own != ["Café", "কু", "কৃ", "কে", "ক্ষ"],
    auto == own or auto[0] != "cafe" or "কু" in auto,
    named != own,
    len(other) != 5 or len(other("Café don't")["input_ids"]) != 2,
    plain != kept,
]
print("changed:", changed)
sys.exit(any(changed))
P
