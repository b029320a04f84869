"""The shipped reference data, loaded once, and contexts made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.content.context import ContentContext, ContentReference, load_content_reference

REFERENCE = Path(__file__).parents[3] / "data" / "reference"


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    return REFERENCE


@pytest.fixture(scope="session")
def content_reference() -> ContentReference:
    return load_content_reference(REFERENCE)


@pytest.fixture(scope="session")
def make_context(content_reference: ContentReference) -> Callable[..., ContentContext]:
    def make(**changes: Any) -> ContentContext:
        values: dict[str, Any] = {"reference": content_reference, "signatures": ("示例商家",)} | changes
        return ContentContext(**values)

    return make
