"""Show on real data that a calibrated threshold keeps its promise, and print a Markdown table.

    python tests/benchmarks/calibration_splits.py ../shared [--model bundled] [--write evaluate/RESULTS.md]

Every set is split in halves at random, 200 times: a threshold is calibrated to a recall of 95 % with 90 %
confidence on one half, and the recall is counted on the other. With --write, the table goes between the two
marks of calibration in that file.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from semantic_highlight import Highlighter
from semantic_highlight.errors import InputError
from semantic_highlight.evaluate.calibrate import allowed_losses, certified_threshold, draw
from semantic_highlight.evaluate.scored import bar, label_records, score_labelled
from semantic_highlight.records import read_records
from semantic_highlight.tokens import as_counter

RECALL, CONFIDENCE, SPLITS = 0.95, 0.9, 200
SETS = ("squad_heldout.dev", "xquad_zh.test", "multispanqa.dev", "clapnq.dev", "medquad.test")
BEGIN, END = "<!-- calibration: begin -->\n", "<!-- calibration: end -->\n"
HEAD = (
    *("set", "model", "queries", "gold a query", "may be lost", "threshold", "mean recall"),
    *("splits >= 95 %, of all gold sentences", "mean over queries", "one sentence a query", "tokens removed"),
)


class Scored:
    """The scores of one set by one model: of the gold sentences by query, and of all with their tokens."""

    def __init__(self, highlighter, path):
        answered = [record for record in read_records(path) if record.answer_spans or record.sentence_labels]
        sentences = label_records(answered, splitter=highlighter.splitter, counter=as_counter("o200k_base"))
        found = score_labelled(highlighter.scorer, sentences, progress=sys.stderr.isatty())
        self.scores, self.tokens = found.scores, found.tokens
        gold = defaultdict(list)
        for record, score, label in zip(found.records, found.scores, found.labels, strict=True):
            if label:
                gold[answered[record].query].append(float(score))
        self.gold = list(gold.values())
        self.drawn = np.array([draw(query, scores) for query, scores in gold.items()])

    def removed(self, threshold):
        return self.tokens[self.scores <= threshold].sum() / self.tokens.sum()


def measure(scored, seed=0):
    """Return for every split its threshold, the three recalls of the other half, and the tokens removed."""
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(SPLITS):
        order = rng.permutation(len(scored.gold))
        labelled, new = np.array_split(order, 2)
        threshold = certified_threshold(scored.drawn[labelled].tolist(), recall=RECALL, confidence=CONFIDENCE)
        kept = [np.array(scored.gold[query]) > threshold for query in new]
        figures.append(
            (
                threshold,
                np.concatenate(kept).mean(),
                np.mean([one.mean() for one in kept]),
                (scored.drawn[new] > threshold).mean(),
                scored.removed(threshold),
            )
        )
    return np.array(figures)


def row(name, model, scored):
    """Return one row of the table."""
    half = -(-len(scored.gold) // 2)
    lost = allowed_losses(half, recall=RECALL, confidence=CONFIDENCE)
    start = [name, model, str(len(scored.gold)), f"{np.mean([len(g) for g in scored.gold]):.2f}"]
    try:
        figures = measure(scored)
    except InputError as error:
        return [*start, f"{lost} of {half}", f"none: {error}", *["-"] * 5]
    reached = (figures[:, 1:4] >= RECALL - 1e-12).mean(axis=0)
    mean = figures.mean(axis=0)
    cells = [f"{mean[0]:.4f}", f"{mean[1]:.1%}", *(f"{share:.1%}" for share in reached), f"{mean[4]:.1%}"]
    return [*start, f"{lost} of {half}", *cells]


def table(folder, models, sets):
    """Return the table of all sets and models."""
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    jobs = [(name, model) for name in sets for model in models]
    for name, model in bar(jobs, "sets", shown=sys.stderr.isatty()):
        highlighter = Highlighter.lexical() if model == "lexical" else Highlighter.from_pretrained(model)
        scored = Scored(highlighter, folder / "data" / f"{name}.jsonl.gz")
        lines.append(f"| {' | '.join(row(name, model, scored))} |")
    return "\n".join(lines) + "\n"


def main():
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument(
        "--model", action="append", help="bundled, lexical or a folder; both where none is given"
    )
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.folder is None:
        print("calibration_splits: no folder of data sets given, nothing to measure")
        return
    found = table(options.folder, options.model or ["bundled", "lexical"], options.set or SETS)
    if options.write is None:
        print(found, end="")
        return
    text = options.write.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    options.write.write_text(f"{before}{BEGIN}{found}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
