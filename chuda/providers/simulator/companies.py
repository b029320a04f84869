"""The companies a trial of channels plays: each a profile of the simulator with a name, and what should catch it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chuda.errors import UsageError
from chuda.providers.simulator.profile import Profile, describe

FILE_NAME = "simulated_companies.yaml"


class Company(BaseModel):
    """One company: what it does in both languages, the part of the trial meant to catch it (None: it is good)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    caught_by: Literal["basic", "stress", "scenario", "canary", "bill"] | None
    profile: Profile = Profile()

    def with_phones(self, numbers: frozenset[str]) -> Profile:
        """The profile in which these phones work and are switched on."""
        world = self.profile.world.model_copy(update={"always_on": numbers})
        return self.profile.model_copy(update={"world": world, "blacklisted_share": 0.0})


def load_companies(reference: Path) -> Mapping[str, Company]:
    """The companies of a reference folder, by name.

    Raises:
        UsageError: the file cannot be read, or a key or value in it is not understood.
    """
    path = reference / FILE_NAME
    try:
        content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return {str(name): Company.model_validate(values) for name, values in (content or {}).items()}
    except (OSError, YAMLError, AttributeError) as error:
        raise UsageError(f"{path}: the simulated companies cannot be read ({type(error).__name__})") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {describe(error)}") from error
