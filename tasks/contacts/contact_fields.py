"""The fields of a contact beside the phone, read from one batch, and what is known of a number by its head."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.batches import Batch, FieldColumn
from tasks.contacts.dates import day_reader, read_times
from tasks.contacts.parameters import CleanParameters
from tasks.contacts.people import read_names
from tasks.contacts.prefixes import PrefixTable
from tasks.contacts.text import read_free_text, read_identifiers
from tasks.contacts.words import read_cities, read_consents, read_genders, read_languages, read_tags, read_whole_numbers

CANDIDATE_SCHEMA = pl.Schema(
    {
        "phone": pl.String(),
        "phone_region": pl.String(),
        "carrier": pl.String(),
        "number_type": pl.String(),
        "province": pl.String(),
        "phone_city": pl.String(),
        "name": pl.String(),
        "surname": pl.String(),
        "gender": pl.String(),
        "city": pl.String(),
        "birthday": pl.Date(),
        "due_date": pl.Date(),
        "child_birthday": pl.Date(),
        "language": pl.String(),
        "points": pl.Int64(),
        "points_expire_on": pl.Date(),
        "tags": pl.List(pl.String()),
        "consent": pl.String(),
        "consent_source": pl.String(),
        "consent_at": pl.Datetime("us", str(BUSINESS_ZONE)),
        "consent_purpose": pl.String(),
        "source_id": pl.String(),
        "source_row": pl.UInt32(),
    }
)
_OF_NUMBER = ("phone_region", "carrier", "number_type", "province", "phone_city")
_BIRTHDAYS_FROM = date(1900, 1, 1)
_CHILDREN_FROM = date(1970, 1, 1)
# A due date in a list may be that of a child who goes to school by now; no pregnancy is known longer ahead.
_DUE_DATES_BACK = timedelta(days=20 * 366)
_DUE_DATES_AHEAD = timedelta(days=310)
_POINTS = (date(2000, 1, 1), date(2100, 12, 31))


def read_fields(batch: Batch, parameters: CleanParameters) -> list[FieldColumn]:
    """All fields of a batch, consent not yet settled; `name` has surname and title_gender beside its value."""
    now = parameters.now.astimezone(BUSINESS_ZONE)
    return [
        batch.read("name", read_names, "surname", "title_gender"),
        batch.read("gender", read_genders),
        batch.read("city", read_cities),
        *_read_days(batch, now.date()),
        batch.read("language", read_languages),
        batch.read("points", read_whole_numbers),
        batch.read("tags", read_tags),
        *_read_consent(batch, now),
        FieldColumn("source_id", read_identifiers(batch.texts("source_id"))),
    ]


def build_candidates(
    numbers: pl.DataFrame, fields: list[FieldColumn], batch: Batch, parameters: CleanParameters, table: PrefixTable
) -> pl.DataFrame:
    """Candidates (`CANDIDATE_SCHEMA`) from numbers (phone, profile) and fields, row by row alike."""
    names = fields[0].frame
    frame = pl.DataFrame([numbers["phone"], batch.cells["source_row"], *(field.value for field in fields)]).hstack(
        table.profiles.select(pl.col(_OF_NUMBER).gather(numbers["profile"]))
    )
    return (
        frame.hstack(names.select("surname", "title_gender"))
        .with_columns(gender=pl.coalesce("gender", "title_gender"))
        .with_columns(**_settle_consent(batch, parameters))
        .select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE_SCHEMA.items())
    )


def _read_days(batch: Batch, today: date) -> list[FieldColumn]:
    return [
        batch.read("birthday", day_reader(_BIRTHDAYS_FROM, today)),
        batch.read("due_date", day_reader(today - _DUE_DATES_BACK, today + _DUE_DATES_AHEAD)),
        batch.read("child_birthday", day_reader(_CHILDREN_FROM, today)),
        batch.read("points_expire_on", day_reader(*_POINTS)),
    ]


def _read_consent(batch: Batch, now: datetime) -> list[FieldColumn]:
    return [
        batch.read("consent", read_consents),
        batch.read("consent_source", read_free_text),
        FieldColumn("consent_at", read_times(batch.texts("consent_at"), now)),
        batch.read("consent_purpose", read_free_text),
    ]


def _settle_consent(batch: Batch, parameters: CleanParameters) -> dict[str, pl.Expr]:
    """Consent is never NULL, only an answer has evidence; the statement for the whole file fills in what is missing."""
    statement = parameters.consent_for_all
    is_stated_for_all = statement is not None and not batch.match.has("consent")
    consent = pl.lit("granted") if is_stated_for_all else pl.col("consent").fill_null("none")
    evidence: dict[str, pl.Expr] = {
        name: pl.when(consent != "none").then(pl.col(name))
        for name in ("consent_source", "consent_at", "consent_purpose")
    }
    if statement is not None:
        stated = (statement.source, statement.at.astimezone(BUSINESS_ZONE), statement.purpose)
        for name, value in zip(evidence, stated, strict=True):
            evidence[name] = pl.coalesce(
                evidence[name], pl.when(consent == "granted").then(pl.lit(value, CANDIDATE_SCHEMA[name]))
            )
    return {"consent": consent, **evidence}
