-- Temporary: what several marts need in the same form while they are built.

-- Time in Asia/Shanghai, which is UTC+8 all the year: whole numbers are ten times as fast as calendar arithmetic
create or replace temp macro days_after(moment, days) as make_timestamptz(epoch_us(moment) + days * 86400000000);

create or replace temp macro near_after(moment, times) as
    case when isfinite(moment) then days_after(moment, times * getvariable('reach_days')) else moment end;

create or replace temp macro business_day(moment) as
    date '1970-01-01' + ((epoch_us(moment) + 28800000000) // 86400000000)::int;

-- 1970-01-05 was a Monday
create or replace temp macro business_week(moment) as
    date '1970-01-05' + 7 * ((epoch_us(moment) + 28800000000 - 345600000000) // 604800000000)::int;

-- the KPI columns of product.md, in its order, from summed measures plus `excluded` and `incremental_revenue_cny`
create or replace temp macro kpi_columns(summed) as table
select
    columns(* exclude (
        planned, excluded, submitted, accepted, rejected, delivered, failed, unconfirmed, suppressed, expired,
        cancelled, clicked, converted, repurchased, opted_out, complained, parts, cost_cny, cost_other_mode_cny,
        revenue_cny, incremental_revenue_cny, window_revenue_cny, repurchased_before, awaiting_receipt, unknown,
        waiting_to_leave
    )),
    case
        when submitted > 0 then awaiting_receipt + unknown = 0
            or days_after(last_sent_at, 3) <= getvariable('marts_now')
    end as is_receipts_complete,
    planned::bigint as planned,
    excluded::bigint as excluded,
    submitted::bigint as submitted,
    accepted::bigint as accepted,
    rejected::bigint as rejected,
    delivered::bigint as delivered,
    failed::bigint as failed,
    unconfirmed::bigint as unconfirmed,
    suppressed::bigint as suppressed,
    expired::bigint as expired,
    cancelled::bigint as cancelled,
    clicked::bigint as clicked,
    converted::bigint as converted,
    repurchased::bigint as repurchased,
    opted_out::bigint as opted_out,
    complained::bigint as complained,
    rate(delivered, submitted) as delivery_rate,
    rate(clicked, delivered) as open_rate,
    rate(converted, delivered) as conversion_rate,
    rate(opted_out, delivered) as opt_out_rate,
    rate(complained, delivered) as complaint_rate,
    1e6 * rate(complained, delivered) as complaints_per_million,
    parts::bigint as parts,
    cost_cny::decimal(18, 4) as cost_cny,
    cost_other_mode_cny::decimal(18, 4) as cost_other_mode_cny,
    revenue_cny::decimal(18, 2) as revenue_cny,
    incremental_revenue_cny::decimal(18, 2) as incremental_revenue_cny,
    revenue_cny::double / nullif(cost_cny, 0)::double as roi,
    case
        when days_after(last_sent_at, 90) <= getvariable('marts_now') then rate(repurchased, delivered)
    end as repurchase_rate,
    rate(repurchased_before, delivered) as repurchase_rate_before,
    unknown::bigint as unknown,
    awaiting_receipt::bigint as awaiting_receipt,
    waiting_to_leave::bigint as waiting_to_leave
from query_table(summed);
