"""The Jinja template of a model card's body. It is a module so that it is installed with the library.

Every expression is escaped for Markdown unless it is Markdown already (text.py).
"""

BODY = """\
# {{ variant }}: emotions in {{ language }} text

{% if demo %}
> **Demo corpus.** This model was trained and tested on texts written to show that the workflow works.
> Its scores say nothing about real texts.

{% endif %}
{% for name in non_commercial %}
> **Not for commercial use.** This model was made from {{ name }}, which is under CC BY-NC-SA 4.0, so the
> same licence applies to it (see "Licences").

{% endfor %}
{% for name in unknown %}
> **Ask before you use it.** It is not known what the licence of {{ name }} allows (see "Licences").

{% endfor %}
{% if thresholds %}
It gives each text any number of the labels {{ labels }}, possibly none: those whose probability reaches the threshold
of the label.
{% else %}
It gives each text one of the labels {{ labels }}, with a probability for each.
{% endif %}
{{ size }} to ship, {{ params }} parameters ({{ nonzero }} of them non-zero), runtime {{ runtime }},
files {{ files }}.

## How it was made

By emopress, in these steps, with seed {{ seed }}:

{% for line in recipe %}
{{ loop.index }}. {{ line }}
{% endfor %}

`provenance.json` has all parameters too; it is not needed for prediction and not counted in the size.
Made with {{ versions }}. SHA-256 of the training data: {{ data_sha256 }}.

## How to use it

{% if repo %}
```sh
hf download {{ repo }} --local-dir {{ folder }}
```

{% endif %}
With emopress ({{ folder }} is the folder that holds `bundle.json`):

```sh
python -m emopress predict {{ folder }} "{{ example }}"
```

{% if plain %}
Or in plain ONNX Runtime (1.23 or newer), run in that folder:

```python
import json, numpy, onnxruntime, pathlib, tokenizers
{% if normalise != "none" %}
from emopress.runtime.normalise import normalise_text  # needs the standard library only
{% endif %}

text = "{{ example }}"
{% if normalise != "none" %}
text = normalise_text(text, "{{ normalise }}")
{% endif %}
tokenizer = tokenizers.Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation({{ max_length }})
options = onnxruntime.SessionOptions()
cpu = pathlib.Path("/proc/cpuinfo")
if not (cpu.exists() and {"avx512_vnni", "avx_vnni"} & set(cpu.read_text().split())):
    # makes int8 exact on CPUs without VNNI, where it is slower; with VNNI it is exact anyway
    options.add_session_config_entry("session.x64quantprecision", "1")
session = onnxruntime.InferenceSession("model.onnx", options)
tokens = tokenizer.encode(text)
given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
inputs = {wanted.name: numpy.array([given[wanted.name]]) for wanted in session.get_inputs()}
logits = session.run(["logits"], inputs)[0][0]
{% if thresholds %}
probabilities, facts = 1 / (1 + numpy.exp(-logits)), json.load(open("bundle.json", encoding="utf-8"))
print([label for label, p, least in zip(facts["labels"], probabilities, facts["thresholds"]) if p >= least])
{% else %}
probabilities = numpy.exp(logits - logits.max()) / numpy.exp(logits - logits.max()).sum()
print(json.load(open("bundle.json", encoding="utf-8"))["labels"][probabilities.argmax()], probabilities.max())
{% endif %}
```
{% if normalise != "none" %}

It was trained on normalised texts (Unicode forms, quotation marks, spaces); without normalisation some
predictions differ.
{% endif %}
{% elif adapters %}
Or with transformers and peft, run in that folder (`from_pretrained` alone loads the 4-bit model without the trained
adapters):

```python
from peft import PeftModel
from transformers import AutoModelForSequenceClassification
model = PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained("."), "adapter").eval()
for module in model.modules():  # CPUs with AVX512-BF16 would need widths that are multiples of 64
    module.support_avx512bf16_for_cpu = False
```
{% else %}
Its files are read by `load(folder).predict_proba(texts)` of `emopress.runtime.bundle`, not by plain ONNX Runtime.
{% if exportable %}
For other engines, `python -m emopress export --onnx {{ folder }} model.onnx` writes a standard ONNX file.
{% endif %}
{% endif %}

## Labels

{{ labels }}, in the order of the model's outputs.
{% if thresholds %}

A text gets a label if the sigmoid of its logit is at least the threshold. The thresholds were tuned on validation
texts, {{ tuned_for }}:

{{ thresholds }}
{% endif %}

## Results

{% if scores %}
{% if demo %}
*Demo corpus: these numbers say nothing about real texts.*

{% endif %}
On the {{ texts }} test texts of {{ title }}, predicted by these files, reloaded from disk:

{{ scores }}

{% if thresholds %}
For subset accuracy a text is right if its whole set of labels is. Sample F1 is the mean over texts of each text's F1.
The Jaccard index is the share of correct labels among those that are true or predicted, averaged over texts. Hamming
loss is the share of all pairs of text and label that are decided wrongly.
{% endif %}
The intervals are {{ intervals }}. They do not cover what another training seed would change, nor how other texts differ
from these.

{{ per_label }}
{% else %}
This card was written without scores. Measure the model on your own texts before you rely on it.
{% endif %}

## Training data

{% if data %}
{{ data.title }}. Licence: {{ data.licence }}. Citation: {{ data.citation }}

Split: {{ data.split }}. Texts per label:

{{ data.counts }}
{% else %}
This card was written without a data card, and the bundle does not name its data.
{% endif %}

## Limitations

{% for line in limitations %}
- {{ line }}
{% endfor %}

## Licences

{{ licences }}

{% if licence == "other" %}
emopress does not know all of these licences, so the card names none for the model (`license: other`).
{% else %}
The strictest of them decides, so the card names `{{ licence }}` for the model.
{% endif %}
This is not legal advice.
"""
