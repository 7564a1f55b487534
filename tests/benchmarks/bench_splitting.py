"""Time the splitter on 1 MB of English and 1 MB of Chinese prose.

    python tests/benchmarks/bench_splitting.py [file ...]

A file is UTF-8 text, gzipped if its name ends in .gz; its first megabyte is taken. Without one, the prose
of the splitting corpus is repeated. Prints, for each text, the best of three runs in seconds of wall time.
"""

import gzip
import json
import sys
import time
from pathlib import Path

from semantic_highlight.splitting import split

MEGABYTE = 1_000_000
CORPUS = Path(__file__).parents[1] / "splitting" / "corpus.jsonl"


def corpus_prose(language):
    """Return a megabyte of the corpus' prose in ``en`` or ``zh``, ten cases a paragraph."""
    cases = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").split("\n") if line]
    texts = [
        "".join(piece for _, piece in case["pieces"]).strip()
        for case in cases
        if case["name"].startswith(f"{language}:")
    ]
    joint = " " if language == "en" else ""
    page = "\n\n".join(joint.join(texts[i : i + 10]) for i in range(0, len(texts), 10)) + "\n\n"
    return page * (MEGABYTE // len(page.encode()) + 1)


def file_text(path):
    """Return the text of a file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return file.read(MEGABYTE)


def main(paths):
    """Print one line a text: name, size, spans, seconds."""
    texts = {str(path): file_text(Path(path)) for path in paths}
    if not texts:
        texts = {"English corpus": corpus_prose("en"), "Chinese corpus": corpus_prose("zh")}
    for name, whole in texts.items():
        text = whole.encode()[:MEGABYTE].decode(errors="ignore")
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            spans = split(text)
            seconds.append(time.perf_counter() - began)
        sys.stdout.write(
            f"{name}: {len(text.encode()):,} bytes, {len(spans):,} spans, {min(seconds):.2f} s\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
