"""Configuration files: TOML in, checked values out; an error names line, field and what is allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from semantic_highlight.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Share = Annotated[float, Field(ge=0, le=1)]
Place = tuple[str | int, ...]

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_TABLE_OF_ARRAY = re.compile(r"\s*\[\[\s*([^\[\]]+?)\s*\]\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([\w\"'.-]+)\s*=")


class Section(BaseModel):
    """A table of a configuration file: no field but the declared ones, and none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Config = TypeVar("Config", bound=Section)


def read_toml(path: Path, kind: type[Config]) -> Config:
    """Read a TOML file and check it.

    Raises:
        InputError: Names the file, the line, the field, what came and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return kind.model_validate(tomllib.loads(text))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of a TOML configuration") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        lines = lines_of(text)
        problems = [_explain(item, lines, kind) for item in error.errors()]
        raise InputError(f"{path}: " + "; ".join(problems)) from error


def _explain(item: ErrorDetails, lines: dict[Place, int], kind: type[Section]) -> str:
    place = item["loc"]
    near = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in lines), ())
    where = f"line {lines[near]}, " if near else ""
    name = ".".join(str(part) for part in place)
    if item["type"] == "missing":
        return f"{where}field {name} is missing"
    if item["type"] == "extra_forbidden":
        return f"{where}field {name} is unknown: {_allowed(place, kind)}"
    message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not place:
        return message
    return f"{where}field {name} is {item['input']!r}: it {message}"


def _allowed(place: Place, kind: type[Section]) -> str:
    """Say what a misspelt field was meant to be, or what there is."""
    section = kind
    for part in place[:-1]:
        if isinstance(part, str):
            section = _section_of(section.model_fields[part].annotation) or section
    names = list(section.model_fields)
    close = difflib.get_close_matches(str(place[-1]), names, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed are {', '.join(sorted(names))}"


def _section_of(annotation: Any) -> type[Section] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def lines_of(text: str) -> dict[Place, int]:
    """Return the line, from 1, on which every table and field of a TOML text begins.

    Values of several lines are not followed: a line inside of one that looks like a field may be taken
    for one, which costs an error message its line and nothing else.
    """
    lines: dict[Place, int] = {}
    table: Place = ()
    sizes: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _TABLE_OF_ARRAY.match(line):
            index = sizes[match[1]] = sizes.get(match[1], -1) + 1
            table = (*match[1].split("."), index)
            lines[table] = number
        elif match := _TABLE.match(line):
            table = tuple(match[1].split("."))
            lines[table] = number
        elif match := _KEY.match(line):
            lines.setdefault((*table, match[1].strip("\"'")), number)
    return lines
