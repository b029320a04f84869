"""A look at the marts, cell by cell: `marimo run docs/notebooks/campaigns.py`, or as a script; nothing is fetched.

CHUDA_MARTS names the file; by default it is that of `make demo`.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Chuda")


@app.cell
def _():
    import os

    import altair as alt
    import duckdb
    import marimo as mo

    path = os.environ.get("CHUDA_MARTS", "data/demo/state/marts.duckdb")
    marts = duckdb.connect(path, read_only=True)
    marts.execute("SET TimeZone = 'Asia/Shanghai'")
    return alt, marts, mo, path


@app.cell
def _(marts, mo, path):
    _built = marts.sql("SELECT strftime(built_at, '%Y-%m-%d %H:%M') FROM mart_build").fetchone()[0]
    mo.md(f"# Campaigns\n\n`{path}`, built {_built}. Close and open the notebook to see a newer build.")
    return


@app.cell
def _(marts, mo):
    kpis = marts.sql("""
        SELECT campaign_id, submitted, delivered, delivery_rate, open_rate, conversion_rate, opt_out_rate,
               cost_cny::double AS cost_cny, revenue_cny::double AS revenue_cny, roi, is_receipts_complete
        FROM campaign_kpi WHERE submitted > 0 ORDER BY last_sent_at DESC
    """).pl()
    mo.ui.table(kpis, selection=None)
    return (kpis,)


@app.cell
def _(kpis, mo):
    campaign = mo.ui.dropdown(kpis["campaign_id"].to_list(), value=kpis["campaign_id"][0], label="campaign")
    campaign
    return (campaign,)


@app.cell
def _(campaign, marts):
    segments = marts.execute(
        """
        SELECT coalesce(segment, '-') AS segment, delivered, clicked, open_rate,
               wilson_low(clicked, delivered) AS low, wilson_high(clicked, delivered) AS high
        FROM segment_kpi WHERE campaign_id = $1 AND clicked IS NOT NULL AND delivered > 0 ORDER BY open_rate DESC
        """,
        [campaign.value],
    ).pl()
    segments
    return (segments,)


@app.cell
def _(alt, mo, segments):
    _base = alt.Chart(alt.Data(values=segments.to_dicts())).encode(y=alt.Y("segment:N", sort=None, title=None))
    _chart = _base.mark_rule(strokeWidth=4, opacity=0.4).encode(
        x=alt.X("low:Q", title="open rate, 95% interval", axis=alt.Axis(format="%")), x2="high:Q"
    ) + _base.mark_point(filled=True, size=70).encode(x="open_rate:Q")
    mo.md("No segments with opens measured.") if segments.is_empty() else _chart
    return


@app.cell
def _(campaign, marts):
    failures = marts.execute(
        """
        SELECT cause, count(*) AS messages, count(DISTINCT province) AS provinces
        FROM message_fact WHERE campaign_id = $1 AND state IN ('failed', 'rejected') GROUP BY cause ORDER BY messages DESC
        """,
        [campaign.value],
    ).pl()
    failures
    return (failures,)


@app.cell
def _(marts):
    alerts = marts.sql("SELECT severity, kind, campaign_id, subject, value, line, advice_en, told FROM alert").pl()
    alerts
    return (alerts,)


@app.cell
def _(alerts, failures, kpis, segments):
    # As a script it says what it read.
    summary = {"campaigns": kpis.height, "segments": segments.height, "causes": failures.height, "alerts": alerts.height}
    print(summary)
    return


if __name__ == "__main__":
    app.run()
