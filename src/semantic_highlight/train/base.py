"""Build a bilingual base encoder: an English MiniLM that is taught Chinese word pieces.

The English model knows 488 Chinese characters. It is given the most frequent words and characters of
Chinese, each starting from the mean of the English word pieces of its dictionary glosses, so that
before any training a Chinese word stands near its translation.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from semantic_highlight.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

HAN = re.compile(r"^[㐀-鿿]+$")
MAX_HAN_RUN = 64
"""Longest run of Han characters given to WordPiece at once; over its limit of 100 all would be [UNK]."""
_WORDS = "embeddings.word_embeddings.weight"
_TYPES = "embeddings.token_type_embeddings.weight"
_CEDICT_LINE = re.compile(r"^\S+ (\S+) \[[^\]]*\] /(.*)/\s*$")
_PARENTHESES = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_SKIPPED_GLOSS = re.compile(r"^(CL:|surname |variant of|old variant|see |abbr\. |also written|also pr)")
_STOP_PIECES = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "in",
        "on",
        "for",
        "and",
        "or",
        "with",
        "by",
        "from",
        "be",
        "sb",
        "sth",
        "one",
        "'s",
        "s",
        ",",
        ".",
        ";",
        "'",
        "-",
        "/",
        "etc",
    ]
)


def read_glosses(path: Path) -> dict[str, list[str]]:
    """Read CC-CEDICT: simplified word -> its English glosses, in order of the entries.

    Args:
        path: ``cedict.txt.gz``, lines ``Traditional Simplified [pin1 yin1] /gloss/gloss/``.
    """
    glosses: dict[str, list[str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            match = _CEDICT_LINE.match(line)
            if not match or line.startswith("#"):
                continue
            found = [_PARENTHESES.sub(" ", gloss).strip() for gloss in match[2].split("/")]
            glosses.setdefault(match[1], []).extend(g for g in found if g and not _SKIPPED_GLOSS.match(g))
    return {word: found for word, found in glosses.items() if found}


def frequent_words(lines: Iterator[str], *, words: int, characters: int) -> list[str]:
    """Return the most frequent Chinese words and characters, characters first.

    Args:
        lines: Lines ``word frequency part-of-speech`` (jieba's ``dict.txt``).
        words: How many words of two or more characters to take.
        characters: How many single characters to take.
    """
    word_counts: Counter[str] = Counter()
    character_counts: Counter[str] = Counter()
    for line in lines:
        word, count, *_ = line.split()
        if not HAN.match(word):
            continue
        for character in word:
            character_counts[character] += int(count)
        if 1 < len(word) <= 4:
            word_counts[word] = int(count)
    singles = [c for c, _ in character_counts.most_common(characters)]
    return singles + [w for w, _ in word_counts.most_common(words)]


def chinese_tokenizer(source: Path, additions: list[str]) -> dict[str, Any]:
    """Add Chinese word pieces to an uncased WordPiece tokenizer.

    A piece at the start of a run and the same piece inside one (``##``) get one id: Chinese writes no
    word borders, so the two are one word, and sharing the row halves the table and doubles what it learns.

    Args:
        source: The ``tokenizer.json`` of the English model.
        additions: Chinese words and characters.

    Returns:
        The content of the new ``tokenizer.json``. It must be written as it is: a ``Tokenizer`` object
        keeps one name for an id when it is saved, and would lose half of the shared pieces.
    """
    state: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    vocab: dict[str, int] = state["model"]["vocab"]
    rows = max(vocab.values()) + 1
    for piece in additions:
        if piece not in vocab:
            vocab[piece] = rows
            rows += 1
        vocab[f"##{piece}"] = vocab[piece]
    state["truncation"] = state["padding"] = None
    state["normalizer"]["handle_chinese_chars"] = False
    han_runs = {
        "type": "Split",
        "pattern": {"Regex": rf"\p{{Han}}{{1,{MAX_HAN_RUN}}}"},
        "behavior": "Isolated",
        "invert": False,
    }
    state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}, han_runs]}
    return state


def gloss_embedding(
    glosses: list[str], tokenizer: Tokenizer, table: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the mean embedding of the word pieces of the glosses, or None when nothing is left of them."""
    vectors = []
    for gloss in glosses[:6]:
        encoded = tokenizer.encode(gloss, add_special_tokens=False)
        ids = [i for i, t in zip(encoded.ids, encoded.tokens, strict=True) if t not in _STOP_PIECES]
        if ids and len(ids) <= 8:
            vectors.append(table[ids].mean(axis=0))
    return np.mean(vectors, axis=0, dtype=np.float32) if vectors else None


def extend_embeddings(
    table: NDArray[np.float32], rows: dict[str, int], glosses: dict[str, list[str]], english: Tokenizer
) -> NDArray[np.float32]:
    """Give every added piece a starting embedding.

    From its glosses where the dictionary has it, else from the mean of its characters, else the mean of
    the table; each is scaled to the mean norm of the English rows.

    Args:
        table: English embeddings ``[vocab, hidden]``.
        rows: Added piece -> its row; rows past the table are new, others are overwritten.
        glosses: See :func:`read_glosses`.
        english: The tokenizer of the English model.
    """
    extended = np.zeros((max(len(table), *(r + 1 for r in rows.values())), table.shape[1]), np.float32)
    extended[: len(table)] = table
    norm = np.linalg.norm(table, axis=1).mean()
    mean = table.mean(axis=0)
    centred: dict[str, NDArray[np.float32]] = {}
    for piece in sorted(rows, key=len):
        vector = gloss_embedding(glosses.get(piece, []), english, table)
        if vector is None:
            known = [centred[c] for c in piece if c in centred]
            vector = np.mean(known, axis=0, dtype=np.float32) if known else mean
        centred[piece] = vector
        extended[rows[piece]] = vector * (norm / max(float(np.linalg.norm(vector)), 1e-6))
    return extended


def build_base(
    source: Path, cedict: Path, frequencies: Path, out: Path, *, words: int = 20_000, characters: int = 6_000
) -> None:
    """Write a bilingual encoder folder: ``config.json``, ``model.safetensors``, ``tokenizer.json``.

    Args:
        source: Folder of the English BERT-like model (all-MiniLM-L6-v2, Apache-2.0).
        cedict: CC-CEDICT as ``cedict.txt.gz`` (CC BY-SA 4.0).
        frequencies: jieba's ``dict.txt`` (MIT).
        out: Folder to write.
        words: Chinese words of two to four characters to add.
        characters: Chinese characters to add.

    Raises:
        InputError: If a source file is missing.
    """
    _check_present(source / "model.safetensors", source / "tokenizer.json", cedict, frequencies)
    with frequencies.open(encoding="utf-8") as lines:
        additions = frequent_words(lines, words=words, characters=characters)
    english = Tokenizer.from_file(str(source / "tokenizer.json"))
    english.no_truncation()
    english.no_padding()
    tokenizer = chinese_tokenizer(source / "tokenizer.json", additions)
    vocab = tokenizer["model"]["vocab"]
    weights = {k.removeprefix("bert."): v for k, v in load_file(source / "model.safetensors").items()}
    weights = {k: v for k, v in weights.items() if not k.startswith("pooler.") and "position_ids" not in k}
    weights[_WORDS] = extend_embeddings(
        weights[_WORDS], {p: vocab[p] for p in additions}, read_glosses(cedict), english
    )
    # Query, context, and context tokens that the query has too: all start as the one type that the
    # sentence encoder was trained with.
    weights[_TYPES] = np.repeat(weights[_TYPES][:1], 3, axis=0)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config.update(vocab_size=len(weights[_WORDS]), type_vocab_size=3, architectures=["BertModel"])
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    logger.info("base of %d rows written to %s", len(weights[_WORDS]), out)


def _check_present(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path} is missing: the base needs the English model, CC-CEDICT and word frequencies"
            )
