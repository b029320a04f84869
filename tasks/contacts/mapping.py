"""Mapping files: which column of a foreign file means what, written by hand or begun from what was recognised."""

from __future__ import annotations

from pathlib import Path

import yaml

from chuda.errors import UsageError
from chuda.files import FileModel
from chuda.files.types import Text
from tasks.contacts.columns import ColumnMatch, HeaderNames, TableKind, match_columns, meanings_of
from tasks.contacts.reading import RawRows

_HEAD = """\
# Which column means what: meaning: "column of the file". Used by `chuda contacts import FILE --mapping THIS`.
# Meanings: {meanings}
"""


class MappingFile(FileModel):
    """A mapping file: `columns` has one entry per meaning, the file's own name of the column."""

    columns: dict[str, Text]


def recognise(kind: TableKind, rows: RawRows, names: HeaderNames, mapping: dict[str, str]) -> ColumnMatch:
    """What the columns of a file mean, with guesses for the rest; a missing phone column is no error here.

    Raises:
        UsageError: the mapping names what does not exist.
    """
    return match_columns(kind, rows.columns, names, mapping, is_complete=False)


def write_mapping(path: Path, match: ColumnMatch, names: HeaderNames) -> None:
    """Begin a mapping file with what was recognised and guessed, to be corrected; an existing file is never replaced.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    columns = {**{meaning: column for column, meaning in match.guesses.items()}, **match.columns}
    text = _HEAD.format(meanings=" ".join(meanings_of(match.kind, names)))
    text += yaml.safe_dump({"columns": columns}, allow_unicode=True, sort_keys=False)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: exists already; choose another name") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
