"""The data dictionary, the catalog and the marts say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from kpi_world import World

from tasks.kpi.catalog import Mart, published_marts
from tasks.kpi.dictionary import DICTIONARY, render_dictionary, write_dictionary

PRODUCT_MARTS = [
    "campaign_kpi",
    "variant_kpi",
    "segment_kpi",
    "hour_kpi",
    "channel_quality_weekly",
    "failure_trace",
    "content_performance",
    "touchpoint",
    "exclusion",
    "experiment_result",
    "provider_bill",
    "bill_message",
    "channel_test",
    "complaint",
    "alert",
]
PRODUCT_COLUMNS = [
    "planned",
    "excluded",
    "submitted",
    "accepted",
    "rejected",
    "delivered",
    "failed",
    "unconfirmed",
    "suppressed",
    "expired",
    "cancelled",
    "clicked",
    "converted",
    "repurchased",
    "opted_out",
    "complained",
    "delivery_rate",
    "open_rate",
    "conversion_rate",
    "opt_out_rate",
    "complaint_rate",
    "complaints_per_million",
    "parts",
    "cost_cny",
    "cost_other_mode_cny",
    "revenue_cny",
    "incremental_revenue_cny",
    "roi",
    "repurchase_rate",
]


def marts_by_name() -> dict[str, Mart]:
    return {mart.name: mart for mart in published_marts()}


def test_the_page_in_docs_is_the_catalog() -> None:
    assert DICTIONARY.read_text("utf-8") == render_dictionary(), "run: python -m tasks.kpi.dictionary"


def test_it_can_be_written_anywhere(tmp_path: Path) -> None:
    write_dictionary(tmp_path / "deep" / "page.md")
    assert (tmp_path / "deep" / "page.md").read_text("utf-8") == render_dictionary()


def test_every_mart_of_the_product_is_there() -> None:
    assert set(PRODUCT_MARTS) <= set(marts_by_name())


@pytest.mark.parametrize("name", ["campaign_kpi", "variant_kpi", "segment_kpi", "hour_kpi"])
def test_kpi_marts_have_the_columns_of_the_product_in_its_order(name: str) -> None:
    columns = [column.name for column in marts_by_name()[name].columns]
    begin = columns.index(PRODUCT_COLUMNS[0])
    assert columns[begin : begin + len(PRODUCT_COLUMNS)] == PRODUCT_COLUMNS


def test_columns_and_types_are_those_of_the_marts(world: World) -> None:
    with world.marts() as connection:
        for mart in published_marts():
            found = [row[:2] for row in connection.execute(f"describe {mart.name}").fetchall()]
            assert found == [(column.name, column.type) for column in mart.columns], mart.name


def test_every_rate_says_its_denominator_and_when_receipts_are_complete() -> None:
    for mart in published_marts():
        for column in mart.columns:
            if "_rate" in column.name and column.type == "DOUBLE" and "repurchase" not in column.name:
                assert " / " in column.meaning, (mart.name, column.name)
                assert "complete" in column.meaning, (mart.name, column.name)


def test_every_sql_states_its_grain_first_and_ends_in_final() -> None:
    for mart in published_marts():
        assert mart.sql.startswith("-- one row"), mart.name
        assert "select * from final" in mart.sql, mart.name
