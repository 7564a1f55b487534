"""``semantic-highlight judge``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semantic_highlight.cli.options import make_highlighter
from semantic_highlight.types import BUNDLED

if TYPE_CHECKING:
    from semantic_highlight.evaluate.judge import AnswerRate

KEY = "OPENAI_API_KEY"

Data = Annotated[str, typer.Option("--data", help="Labelled examples, in any format of records.")]
Models = Annotated[
    list[str],
    typer.Option("--model", help="What prunes: bundled, lexical, folder or hub id. Repeatable."),
]
Url = Annotated[str, typer.Option(help="The endpoint, OpenAI-compatible, up to /v1.")]
Llm = Annotated[str, typer.Option(help="The model that answers, by its name there.")]
Judge = Annotated[str | None, typer.Option(help="The model that judges.", show_default="the same")]
Cache = Annotated[Path, typer.Option(help="Where replies are kept; a second run asks only for new ones.")]
Limit = Annotated[int | None, typer.Option(help="Take at most so many records from the start.")]
Price = Annotated[
    tuple[float, float], typer.Option(help="The price of a million tokens read, and of a million written.")
]
Workers = Annotated[int, typer.Option(help="How many documents are asked about at once.", min=1)]


def judge(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    data: Data,
    llm: Llm,
    model: Models = [BUNDLED],  # noqa: B006 - typer copies it
    base_url: Url = "https://api.openai.com/v1",
    judge: Judge = None,
    cache: Cache = Path("replies.jsonl"),
    limit: Limit = None,
    price: Price = (0.0, 0.0),
    workers: Workers = 4,
) -> None:
    """Ask a language model with and without pruning, and let a judge say whether the answer is still there.

    The key of the endpoint is taken from OPENAI_API_KEY. Documents without an answer are left out. Texts go
    to the endpoint; what it replies is kept in a file, so that a run that broke off goes on.
    """
    from semantic_highlight.evaluate.chat import Endpoint
    from semantic_highlight.evaluate.formats import read_data
    from semantic_highlight.evaluate.judge import answer_rates, judge_records
    from semantic_highlight.evaluate.replies import CachedChat, ReplyFile

    records = list(islice(read_data(data), limit))
    models = {name: make_highlighter(name) for name in model}
    replies, key = ReplyFile(cache), os.environ.get(KEY, "")
    answerer, judging = (
        CachedChat(Endpoint(base_url=base_url, model=name, api_key=key), replies)
        for name in (llm, judge or llm)
    )
    shown = sys.stderr.isatty() and find_spec("tqdm") is not None
    found = judge_records(models, records, answerer=answerer, judge=judging, workers=workers, progress=shown)
    typer.echo(_table(answer_rates(found), price), nl=False)


def _table(rates: list[AnswerRate], price: tuple[float, float]) -> str:
    lines = [
        f"{'model':<24} {'documents':>9} {'has answer':>10} {'tokens read':>11} {'written':>8} {'cost':>9}"
    ]
    for one in rates:
        cost = one.cost(prompt=price[0], completion=price[1])
        lines.append(
            f"{one.model:<24} {one.documents:>9} {one.rate:>10.1%} {one.prompt_tokens:>11} "
            f"{one.completion_tokens:>8} {cost:>9.4f}"
        )
    return "\n".join(lines) + "\n"
