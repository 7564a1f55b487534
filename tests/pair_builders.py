"""Tokenizers, traits and an engine whose every number a test can work out by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from semantic_highlight.models.family import PairLayout, Traits
from semantic_highlight.models.pair_engine import EncodedWindow
from semantic_highlight.models.pair_scorer import PairModel, PairScorer
from semantic_highlight.types import Span

WORDS = (*(f"w{n}" for n in range(200)), "q1", "q2", ".", "#", "title", "the", "what", "is", "it")
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
VOCABULARY = {piece: row for row, piece in enumerate((*SPECIAL, *WORDS))}
PAD, CLS, SEP = 0, 1, 2

BERT_LAYOUT = PairLayout(before=(CLS,), between=(SEP,), after=(SEP,), context_type=1, pad=PAD)
XLMR_LAYOUT = PairLayout(before=(CLS,), between=(SEP, SEP), after=(SEP,), context_type=0, pad=PAD)

TRAITS = Traits(
    family="test",
    name="by-hand",
    layout=BERT_LAYOUT,
    max_length=32,
    default_threshold=0.5,
    pooling="probability",
    sentences_apart=False,
    normalise_query=False,
    backoff=None,
    licence=None,
)


def word_tokenizer() -> Tokenizer:
    """One token a word; offsets are those of the word."""
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def space_tokenizer() -> Tokenizer:
    """Like SentencePiece: the space before a word is part of its token, and of its offsets."""
    pieces = {f"▁{piece}": row for piece, row in VOCABULARY.items() if row >= len(SPECIAL)}
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY | pieces, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


class HandEngine:
    """The log-odds of a token are what ``values`` says of its id, 0.0 for others; keeps what it was given."""

    def __init__(self, values=None, ranking=None) -> None:
        self.values = {VOCABULARY[word]: value for word, value in (values or {}).items()}
        self.ranking = ranking
        self.seen = []

    def encode(self, windows, *, progress=False, cancelled=None):
        self.seen += windows
        encoded = []
        for window in windows:
            first, last = window.tokens
            ids = window.ids[window.place : window.place + last - first]
            log_odds = np.array([self.values.get(int(i), 0.0) for i in ids], dtype=np.float32)
            encoded.append(EncodedWindow(log_odds, self.ranking(window) if self.ranking else None))
        return encoded


def hand_scorer(values=None, *, ranking=None, tokenizer=None, **traits):
    """A scorer over a :class:`HandEngine`, and that engine."""
    engine = HandEngine(values, ranking)
    model = PairModel(engine, tokenizer or word_tokenizer(), replace(TRAITS, **traits))
    return PairScorer(lambda: model), engine


def random_network(*, seed=0, ranking=True, size=32, layers=2, vocabulary=256, positions=128):
    """A small BERT with random weights, a token head and a ranking head."""
    import torch
    from transformers import BertConfig, BertModel

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            config = BertConfig(
                vocab_size=vocabulary,
                hidden_size=size,
                num_hidden_layers=layers,
                num_attention_heads=4,
                intermediate_size=2 * size,
                max_position_embeddings=positions,
            )
            self.encoder = BertModel(config, add_pooling_layer=False)
            self.head = torch.nn.Linear(size, 3)

        def forward(self, input_ids, attention_mask, token_type_ids):
            states = self.encoder(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
            logits = self.head(states).float()
            return logits[..., 1] - logits[..., 0], logits[:, 0, 2] if ranking else None

    torch.manual_seed(seed)
    network = Network().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def random_model(**network) -> PairModel:
    """A model over :func:`random_network`; a function of the module, so that a scorer of it pickles."""
    from semantic_highlight.models.encoder import TorchEncoder

    traits = replace(TRAITS, max_length=64)
    return PairModel(TorchEncoder(random_network(**network), pad=PAD), word_tokenizer(), traits)


def random_scorer(**options) -> PairScorer:
    """A scorer over :func:`random_model` that can be pickled."""
    return PairScorer(partial(random_model), **options)


def numbered(*counts):
    """A text of sentences with so many tokens each, all different words, and its spans."""
    text, spans, word = "", [], 0
    for count in counts:
        sentence = "".join(f"w{word + n} " for n in range(count))
        spans.append(Span(len(text), len(text) + len(sentence)))
        text, word = text + sentence, word + count
    return text, spans
