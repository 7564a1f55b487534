"""A toy run: a tiny random encoder and a few dozen records of its words."""

from __future__ import annotations

import gzip
import json
import random

import pytest

import tiny

pytest.importorskip("torch")
pytest.importorskip("accelerate")

TOPICS = ("battery", "door", "cellar", "charge", "winter", "电池", "冬天", "充满")


def make_rows(count, *, seed=0):
    """Records in which the sentence with the query's topic answers."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        topics = rng.sample(TOPICS, rng.randint(2, 5))
        sentences = []
        for topic in topics:
            words = rng.choices(tiny.WORDS[:12], k=rng.randint(2, 9))
            sentences.append(" ".join(["the", topic, *words]) + ". ")
        context = "".join(sentences)
        start = len("".join(sentences[:1]))
        rows.append(
            {
                "id": f"r{number}",
                "dataset": "toy",
                "lang": "en",
                "query": f"how long does the {topics[1]} last",
                "context": context,
                "title": f"t{number % 4}",
                "answer_spans": [[start, start + len(sentences[1]) - 1]],
            }
        )
    return rows


def write_rows(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    """A folder with ``base`` and the records ``toy.jsonl.gz`` and ``dev.jsonl.gz``."""
    folder = tmp_path_factory.mktemp("toy")
    tiny.write_base(folder / "base")
    write_rows(folder / "toy.jsonl.gz", make_rows(60))
    write_rows(folder / "dev.jsonl.gz", make_rows(8, seed=1))
    return folder


@pytest.fixture
def toy_config(toy_files, tmp_path):
    """Makes the configuration of a toy run; keyword arguments replace fields, also of the optimisation."""
    from semantic_highlight.train.config import TrainConfig

    def make(**changes):
        fields = {
            "base": str(toy_files / "base"),
            "data_dir": str(toy_files),
            "out": str(tmp_path / "run"),
            "tokens": 2500,
            "max_length": 64,
            "query_tokens": 16,
            "batch_tokens": 256,
            "pool": 16,
            "log_every": 1,
            "save_every": 3,
            "evaluate_every": 4,
            "sources": [{"path": "toy.jsonl.gz", "weight": 1, "join": 0.3, "unanswerable": 0.2}],
        }
        # A network that knows nothing learns from a few steps only if they are large.
        rates = {"learning_rate": 3e-4, "head_rate": 5.0} | changes.pop("optimisation", {})
        return TrainConfig.model_validate(fields | changes | {"optimisation": rates})

    return make


@pytest.fixture(autouse=True)
def one_thread():
    """The sums of several threads may round otherwise from one process to the next."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
