"""Names as people write them: with titles, spaces, full-width characters, compound surnames, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from tasks.sample.draws import BoolArray, IntArray, by_kind, choose, constant, exact_kinds, joined
from tasks.sample.vocabulary import (
    COMPOUND_SURNAMES,
    GIVEN_FEMALE,
    GIVEN_MALE,
    LATIN_NAMES,
    NEUTRAL_TITLES,
    SURNAMES,
    TRADITIONAL_GIVEN,
    TRADITIONAL_SURNAMES,
)

STYLES = ("plain", "titled", "spaced", "padded", "full_width_space", "surname_and_title", "empty")
_STYLE_SHARES = (0.30, 0.20, 0.12, 0.08, 0.18, 0.12)
_DIRTY_STYLE_SHARE = 0.5  # at dirt = 1
_COMMON, _COMPOUND, _LATIN, _TRADITIONAL = range(4)
_KIND_SHARES = (0.012, 0.006)

FEMALE, MALE, UNKNOWN = range(3)


@dataclass(frozen=True, slots=True)
class Names:
    """Parallel columns, one entry per person or stranger: `surname` ('' for a Latin name), `given`, `gender`."""

    surname: pl.Series
    given: pl.Series
    gender: IntArray
    kind: IntArray

    @property
    def is_compound(self) -> BoolArray:
        """Whether the surname has two characters."""
        is_compound: BoolArray = self.kind == _COMPOUND
        return is_compound


def draw_names(rng: np.random.Generator, gender: IntArray, is_abroad: BoolArray) -> Names:
    """A name for each gender (FEMALE, MALE, UNKNOWN); people from abroad have one in traditional characters."""
    size = len(gender)
    kind = exact_kinds(rng, size, _KIND_SHARES)
    kind[is_abroad & (kind == _COMMON)] = _TRADITIONAL
    # Squaring crowds the draws on the frequent surnames, which stand first.
    common = (rng.random(size) ** 2 * len(SURNAMES)).astype(np.int64)
    surname = by_kind(
        kind,
        (
            lambda where: choose(SURNAMES, common[where]),
            lambda where: choose(COMPOUND_SURNAMES, common[where] % len(COMPOUND_SURNAMES)),
            constant(""),
            lambda where: choose(TRADITIONAL_SURNAMES, common[where] % len(TRADITIONAL_SURNAMES)),
        ),
    )
    return Names(surname=surname, given=_draw_given(rng, gender, kind), gender=gender, kind=kind)


def write_names(rng: np.random.Generator, names: Names, person: IntArray, dirt: float) -> tuple[pl.Series, IntArray]:
    """The name cell of each row (`person` = whose), and how it is written (index into STYLES)."""
    style = exact_kinds(rng, len(person), [dirt * _DIRTY_STYLE_SHARE * share for share in _STYLE_SHARES])
    style[names.kind[person] == _LATIN] = STYLES.index("plain")
    surname, given = names.surname.gather(person), names.given.gather(person)
    title = _choose_titles(rng, names.gender[person])

    writers = (
        lambda at: joined(surname.gather(at), given.gather(at)),
        lambda at: joined(surname.gather(at), given.gather(at), title.gather(at)),
        lambda at: joined(surname.gather(at), " ", given.gather(at)),
        lambda at: joined("  ", surname.gather(at), given.gather(at), " "),
        lambda at: joined("\u3000", surname.gather(at), given.gather(at), "\u3000"),
        lambda at: joined(surname.gather(at), title.gather(at)),
        constant(""),
    )
    return by_kind(style, writers), style


def _draw_given(rng: np.random.Generator, gender: IntArray, kind: IntArray) -> pl.Series:
    female, male = _given_names(GIVEN_FEMALE), _given_names(GIVEN_MALE)
    draw = rng.integers(0, len(female) * len(male), len(gender))
    # A person whose gender nobody wrote down still has one.
    is_female = np.where(gender == UNKNOWN, draw % 2, gender == FEMALE).astype(np.bool_)
    common = np.where(is_female, draw % len(female), len(female) + draw % len(male))
    chinese = (*female, *male)
    return by_kind(
        np.maximum(kind - 1, 0),
        (
            lambda at: choose(chinese, common[at]),
            lambda at: choose(LATIN_NAMES, draw[at] % len(LATIN_NAMES)),
            lambda at: choose(TRADITIONAL_GIVEN, draw[at] % len(TRADITIONAL_GIVEN)),
        ),
    )


def _given_names(characters: tuple[str, ...]) -> tuple[str, ...]:
    """All one- and two-character given names of `characters`."""
    return (*characters, *(first + second for first, second in product(characters, repeat=2)))


def _choose_titles(rng: np.random.Generator, gender: IntArray) -> pl.Series:
    titles = ("女士", "先生", *NEUTRAL_TITLES)
    is_neutral = (gender == UNKNOWN) | (rng.random(len(gender)) < 0.15)
    neutral = rng.integers(2, len(titles), len(gender))
    return choose(titles, np.where(is_neutral, neutral, gender))
