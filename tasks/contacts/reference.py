"""The reference data that the contacts room works with, loaded once per process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tasks.contacts.columns import HeaderNames, load_header_names
from tasks.contacts.prefixes import PrefixTable, build_prefix_table, load_number_rules, read_places


@dataclass(frozen=True, slots=True)
class ContactReference:
    """Known header names, and what is known of numbers by their head."""

    headers: HeaderNames
    prefixes: PrefixTable


def load_reference(directory: Path) -> ContactReference:
    """Load `headers.yaml` and `number_rules.yaml` of `directory` and the prefix table of the installed `phone` package.

    Takes about half a second. Raises `UsageError` naming the file and what is wrong in it.
    """
    rules = load_number_rules(directory / "number_rules.yaml")
    return ContactReference(load_header_names(directory / "headers.yaml"), build_prefix_table(rules, read_places()))
