"""The same documents and random weights, scored in several ways: what ``semantic-highlight bench`` times."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import nn

from semantic_highlight.cli.bench.shapes import Shape
from semantic_highlight.highlighter import Highlighter
from semantic_highlight.models import BUNDLED_FOLDER
from semantic_highlight.models.encoder import TorchEncoder, plan_batches
from semantic_highlight.models.family import LoadedCheckpoint, PairLayout, Traits
from semantic_highlight.models.files import TOKENIZER_NAME
from semantic_highlight.models.network import PairNetwork
from semantic_highlight.models.pair_export import export_onnx
from semantic_highlight.models.pair_onnx import OnnxPairEngine
from semantic_highlight.models.pair_scorer import PairModel, PairScorer
from semantic_highlight.models.pair_windows import PairWindow, WindowBuilder
from semantic_highlight.splitting import split

QUERY = "how long does the battery of the new model last after a full charge"
WINDOW = 512
NO_GRAPH = Path()


@dataclass(frozen=True, slots=True)
class Bench:
    """What every way is given.

    Attributes:
        network: Random weights on their device, in their dtype.
        tokenizer: Of the bundled model, with the pair template of the shape.
        traits: Of a checkpoint of this shape.
        texts: The documents, none longer than a window.
        graph: What ``export_int8`` wrote, for the way that runs it.
    """

    network: PairNetwork
    tokenizer: Tokenizer
    traits: Traits
    texts: list[str]
    graph: Path

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device


def make_bench(shape: Shape, *, documents: int, device: str, dtype: str, graph: Path = NO_GRAPH) -> Bench:
    """Make the network and the documents; the same arguments make the same ones."""
    tokenizer = Tokenizer.from_file(str(BUNDLED_FOLDER / TOKENIZER_NAME))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    cls, sep, pad = (int(tokenizer.token_to_id(token) or 0) for token in ("[CLS]", "[SEP]", "[PAD]"))
    middle = "[SEP] [SEP]" if shape.doubled else "[SEP]"
    kind = 0 if shape.doubled else 1
    # The publishers' own code reads this template; the engine reads the layout.
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair=f"[CLS] $A {middle} $B:{kind} [SEP]:{kind}",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    layout = PairLayout((cls,), (sep, sep) if shape.doubled else (sep,), (sep,), kind, pad)
    traits = Traits(
        family="bench",
        name=shape.name,
        layout=layout,
        max_length=WINDOW,
        default_threshold=0.5,
        pooling="probability",
        sentences_apart=False,
        normalise_query=False,
        backoff=None,
        licence=None,
    )
    network = _network(shape, tokenizer.get_vocab_size(), pad).to(device, getattr(torch, dtype))
    network.token_head.float()
    return Bench(network, tokenizer, traits, _documents(tokenizer, documents), graph)


def export_int8(shape: Shape, graph: Path) -> None:
    """Write the network of a shape as ``convert --int8`` does.

    Raises:
        CheckpointError: If it cannot be exported.
        MissingExtraError: If the exporter is not installed.
    """
    made = make_bench(shape, documents=0, device="cpu", dtype="float32")
    export_onnx(LoadedCheckpoint(made.network, made.tokenizer, made.traits), graph, int8=True)


def _network(shape: Shape, vocabulary: int, pad: int) -> PairNetwork:
    torch.manual_seed(0)
    config = getattr(transformers, shape.config)(
        vocab_size=max(vocabulary, shape.vocabulary),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.width,
        max_position_embeddings=WINDOW + 2,
        type_vocab_size=2,
        pad_token_id=pad,
        attn_implementation="sdpa",
    )
    body = getattr(transformers, shape.model)(config, add_pooling_layer=False)
    return PairNetwork(body, nn.Linear(shape.width, 2), None, takes_types=True).eval()


def _documents(tokenizer: Tokenizer, number: int) -> list[str]:
    """Write documents of random words; lengths are log-normal, 40 to 480 tokens, about 230 on average."""
    chance = random.Random(0)  # noqa: S311 - no secret
    words = sorted(w for w in tokenizer.get_vocab() if w.isascii() and w.isalpha() and 2 < len(w) < 10)
    texts = []
    for _ in range(number):
        wanted = min(480, max(40, chance.lognormvariate(5.3, 0.6)))
        text = ""
        while True:
            sentence = " ".join(chance.choices(words, k=chance.randint(8, 24))).capitalize() + ". "
            if len(tokenizer.encode(text + sentence, add_special_tokens=False)) > wanted and text:
                break
            text += sentence
        texts.append(text)
    return texts


def windows_of(bench: Bench) -> list[PairWindow]:
    """Return the windows of all documents: what every way has to run."""
    builder = WindowBuilder(bench.tokenizer, bench.traits)
    query = builder.query_ids(QUERY)
    documents = builder.documents(bench.texts, [split(text) for text in bench.texts])
    return [window for document in documents for window in builder.windows(query, document)]


Scores = list[tuple[float, ...]]
Run = Callable[[], Scores | None]
"""One run over all documents: a score for every sentence of each, or None where a way gives none."""


def engine(bench: Bench) -> Run:
    """Texts to sentence scores, as a user of this package runs it."""
    encoder = TorchEncoder(bench.network, pad=bench.traits.layout.pad)
    highlighter = Highlighter(PairScorer(lambda: PairModel(encoder, bench.tokenizer, bench.traits)))
    return lambda: [document.scores for document in highlighter.highlight(QUERY, bench.texts)]


def engine_int8(bench: Bench) -> Run:
    """The same on ONNX Runtime, with the graph that ``convert --int8`` writes."""
    encoder = OnnxPairEngine(bench.graph, workers=torch.get_num_threads())
    highlighter = Highlighter(PairScorer(lambda: PairModel(encoder, bench.tokenizer, bench.traits)))
    return lambda: [document.scores for document in highlighter.highlight(QUERY, bench.texts)]


def bare(bench: Bench) -> Run:
    """Nothing but forward passes of the same windows, in the batches of the engine, made beforehand."""
    windows = windows_of(bench)
    encoder = TorchEncoder(bench.network, pad=bench.traits.layout.pad)
    return _passes(bench, windows, plan_batches([len(w.ids) for w in windows], encoder.batch_tokens))


def bare_alone(bench: Bench) -> Run:
    """Nothing but forward passes of the same windows, one by one, so that nothing is padded."""
    windows = windows_of(bench)
    return _passes(bench, windows, [[index] for index in range(len(windows))])


def _passes(bench: Bench, windows: Sequence[PairWindow], batches: Sequence[Sequence[int]]) -> Run:
    inputs = [_padded([windows[index] for index in batch], bench) for batch in batches]

    def run() -> None:
        with torch.inference_mode():
            for ids, mask, types in inputs:
                bench.network(ids, mask, types)
            if bench.device.type == "cuda":
                torch.cuda.synchronize()

    return run


def _padded(windows: Sequence[PairWindow], bench: Bench) -> list[torch.Tensor]:
    stacked = np.zeros((3, len(windows), max(len(window.ids) for window in windows)), dtype=np.int64)
    stacked[0] = bench.traits.layout.pad
    for row, window in enumerate(windows):
        length = len(window.ids)
        stacked[0, row, :length], stacked[1, row, :length] = window.ids, 1
        stacked[2, row, :length] = window.types
    return list(torch.from_numpy(stacked).to(bench.device))


def loop(bench: Bench) -> Run:
    """A document at a time with transformers under inference_mode, all hidden states, means in Python."""
    read = _reader(bench)

    def run() -> Scores:
        with torch.inference_mode():
            return [scores for text in bench.texts for scores in read([text])]

    return run


def loop_autograd(bench: Bench) -> Run:
    """The same without inference_mode, as Open Provence's ``process()`` runs."""
    read = _reader(bench)
    return lambda: [scores for text in bench.texts for scores in read([text])]


def published(bench: Bench) -> Run:
    """As Open Provence's ``process()``: without inference_mode, in batches of 32 as the documents come."""
    read = _reader(bench)
    texts = bench.texts
    return lambda: [scores for at in range(0, len(texts), 32) for scores in read(texts[at : at + 32])]


def _reader(bench: Bench) -> Callable[[list[str]], Scores]:
    fast: Any = transformers.PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=Tokenizer.from_str(bench.tokenizer.to_str()),
        pad_token="[PAD]",  # noqa: S106 - no password
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
    )

    def read(texts: list[str]) -> Scores:
        inputs = tokenizer(
            [QUERY] * len(texts),
            texts,
            truncation=True,
            max_length=WINDOW,
            padding=len(texts) > 1,
            return_tensors="pt",
            return_offsets_mapping=True,
            return_token_type_ids=True,
        )
        offsets = inputs.pop("offset_mapping").tolist()
        outputs = bench.network.body(**inputs.to(bench.device), output_hidden_states=True)
        states = outputs.hidden_states[-1]
        probabilities = bench.network.token_head(states.float()).softmax(dim=-1)[..., 1].tolist()
        return [
            _means(text, probabilities[row], offsets[row], inputs.sequence_ids(row))
            for row, text in enumerate(texts)
        ]

    return read


def _means(
    text: str, probabilities: list[float], offsets: list[list[int]], sides: list[int | None]
) -> tuple[float, ...]:
    scores = []
    for span in split(text):
        inside = [
            probability
            for probability, (start, _), side in zip(probabilities, offsets, sides, strict=True)
            if side == 1 and span.start <= start < span.end
        ]
        scores.append(sum(inside) / len(inside) if inside else 0.0)
    return tuple(scores)


WAYS: dict[str, Callable[[Bench], Run]] = {
    "engine": engine,
    "engine_int8": engine_int8,
    "loop": loop,
    "loop_autograd": loop_autograd,
    "published": published,
    "bare": bare,
    "bare_alone": bare_alone,
}
