"""Files that people write by hand, read strictly and refused kindly: every problem with its line, column and advice."""

from chuda.files.model import FileModel
from chuda.files.problems import BadFile, Finding, Lang, Loc, Problem
from chuda.files.reader import Check, Loaded, load_yaml, nearest, parse_yaml, read_yaml
from chuda.files.source import Source
from chuda.phones import mask_phones

__all__ = [
    "BadFile",
    "Check",
    "FileModel",
    "Finding",
    "Lang",
    "Loaded",
    "Loc",
    "Problem",
    "Source",
    "load_yaml",
    "mask_phones",
    "nearest",
    "parse_yaml",
    "read_yaml",
]
