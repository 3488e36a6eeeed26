#!/bin/bash
# A WordPiece tokenizer that tokenizers has just trained does not know its own training texts, if no white space parts their words.
#
# Version: tokenizers 0.23.3 (below, as in requirements.lock).
# Expected: a trained tokenizer cuts the texts that it was trained on into pieces of its vocabulary, as BPE and
#   Unigram do whatever the texts; or the trainer passes over what the model will refuse, or warns.
# Seen: WordPieceTrainer learns from words of any length and fills its vocabulary from them; the model takes
#   no word of more than 100 characters (max_input_chars_per_word, a setting of the model that the trainer
#   ignores). Thai, Lao, Khmer and Burmese put white space between sentences: each of these training texts is
#   the single token [UNK], without a word of warning, although the vocabulary has all of its pieces: cut
#   after 90 characters the same text is all known.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
import sys

from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram, WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer

PHRASES = ("วันนี้มีความสุขมาก", "ฉันโกรธเขาจริงๆ", "ร้านนี้อร่อยดี", "ฝนตกรถติดน่าเบื่อ")
TEXTS = ["".join(PHRASES[(i * step + step) % 4] for step in range(1, 9)) for i in range(40)]
KINDS = {
    "WordPiece": (WordPiece(unk_token="[UNK]"), WordPieceTrainer),
    "BPE": (BPE(unk_token="[UNK]"), BpeTrainer),
    "Unigram": (Unigram(), UnigramTrainer),
}
shares = {}
for kind, (model, trainer) in KINDS.items():
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    unknown = {"unk_token": "[UNK]"} if kind == "Unigram" else {}
    options = {"vocab_size": 200, "special_tokens": ["[UNK]"], "show_progress": False, **unknown}
    tokenizer.train_from_iterator(TEXTS, trainer(**options))
    unknown_id = tokenizer.token_to_id("[UNK]")

    def share(texts):
        ids = [token for encoding in tokenizer.encode_batch(texts) for token in encoding.ids]
        return sum(token == unknown_id for token in ids) / len(ids)

    shares[kind] = share(TEXTS), share([text[:90] for text in TEXTS])
    print(f"{kind}: [UNK] is {shares[kind][0]:.0%} of the tokens of its training texts, "
          f"{shares[kind][1]:.0%} of their first 90 characters")
as_seen = shares == {"WordPiece": (1.0, 0.0), "BPE": (0.0, 0.0), "Unigram": (0.0, 0.0)}
print("as described" if as_seen else "changed")
sys.exit(not as_seen)
PYTHON
