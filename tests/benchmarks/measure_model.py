"""Measure scorers on labelled records, the lexical baseline beside them, and print a Markdown table.

    python tests/benchmarks/measure_model.py [--model bundled] [--workers 2] records.jsonl.gz ...

Sentence level, all sentences of a file in one pool: F1 at the scorer's default threshold and at its best
one, average precision, and the share of answering sentences still there with 70 % of the tokens removed.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from semantic_highlight.evaluate.metrics import average_precision, best_f1, f1_at, recall_at_removed
from semantic_highlight.evaluate.scored import score_records
from semantic_highlight.lexical import LexicalScorer
from semantic_highlight.models import load_scorer
from semantic_highlight.records import read_records
from semantic_highlight.splitting import split
from semantic_highlight.tokens import as_counter


def measure(scorer, records):
    """Return F1 at the default threshold, best F1, average precision and recall at 70 % removed."""
    pool = score_records(scorer, records, splitter=split, counter=as_counter("o200k_base"))
    return (
        f1_at(pool.labels, pool.scores, scorer.default_threshold),
        best_f1(pool.labels, pool.scores)[0],
        average_precision(pool.labels, pool.scores),
        recall_at_removed(pool.labels, pool.scores, pool.tokens, 0.7),
    )


def row(path, scorers):
    """Return one row of the table."""
    records = list(read_records(path))
    cells = [f"{value:.3f}" for scorer in scorers for value in measure(scorer, records)]
    return (
        f"| {path.name.removesuffix('.gz').removesuffix('.jsonl')} | {len(records)} | {' | '.join(cells)} |"
    )


def main():
    """Measure every file with the lexical scorer and the model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--workers", type=int, default=1, help="files measured at once")
    options = parser.parse_args()
    if not options.files:
        print("measure_model: no files of labelled records given, nothing to measure")
        return
    scorers = [LexicalScorer(), load_scorer(options.model)]
    names = ("F1 default", "F1 best", "AP", "recall at 70 %")
    print("| set | records |", " | ".join(f"{s.name}: {n}" for s in scorers for n in names), "|")
    print("|---" * (2 + len(names) * len(scorers)) + "|")
    with ThreadPoolExecutor(options.workers) as pool:
        for line in pool.map(lambda path: row(path, scorers), options.files):
            print(line, flush=True)


if __name__ == "__main__":
    main()
