"""The reference data that the contacts room works with, loaded once per process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tasks.contacts.columns import HeaderNames, load_header_names
from tasks.contacts.prefixes import PrefixTable, build_prefix_table, load_number_rules, read_places

RULES = 1  # to be raised when cleaning the same text gives something else: every row is read anew then


@dataclass(frozen=True, slots=True)
class ContactReference:
    """Known header names, what is known of numbers by their head, and the version of these rules and our own."""

    headers: HeaderNames
    prefixes: PrefixTable
    version: str = ""


def load_reference(directory: Path) -> ContactReference:
    """Load `headers.yaml` and `number_rules.yaml` of `directory` and the prefix table of the installed `phone` package.

    Takes about half a second. Raises `UsageError` naming the file and what is wrong in it.
    """
    rules = load_number_rules(directory / "number_rules.yaml")
    headers = load_header_names(directory / "headers.yaml")
    said = f"{RULES}\0{rules!r}\0{metadata.version('phone')}"
    version = hashlib.sha256(said.encode()).hexdigest()
    return ContactReference(headers, build_prefix_table(rules, read_places()), version)
