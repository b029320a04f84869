-- Grain: one row per plan, variant and link that somebody clicked of whom the log says nothing. A click counts for the last
-- plan of its channel that sent the link before it, within the plan's attribution window.
insert into variant_click by name
with clicked as (select distinct channel, link from link_click_received),

-- Everybody of a variant has the same link, so one text of each says which.
written as (
    select plan_id, coalesce(variant, '') as variant, min(text) as text, min(send_at) as sent_from
    from plan_message
    where text <> '' and plan_id in (select plan_id from plan_made where click_tracking = 'per_variant')
    group by plan_id, coalesce(variant, '')
),

-- A link that several variants share tells the plan and no variant.
linked as (
    select
        plan.plan_id,
        if(count(*) = 1, min(written.variant), null) as variant,
        plan.channel,
        min(written.sent_from) as sent_from,
        plan.attribution_days,
        clicked.link
    from written
    inner join plan_made as plan on plan.plan_id = written.plan_id
    inner join clicked
        on clicked.channel = plan.channel
        and regexp_matches(written.text, regexp_escape(clicked.link) || '(?:[^0-9A-Za-z/?=&%_.-]|$)')
    where plan.plan_id in (select plan_id from batch_state where sent_at is not null)
    group by plan.plan_id, plan.channel, plan.attribution_days, clicked.link
),

attributed as (
    select click.link_click_id, click.clicked_at, linked.plan_id, linked.variant, linked.link
    from link_click_received as click
    inner join linked on linked.channel = click.channel and linked.link = click.link
    where linked.sent_from <= click.clicked_at
        and click.clicked_at < linked.sent_from + to_days(linked.attribution_days)
    qualify row_number() over (
        partition by click.link_click_id order by linked.sent_from desc, linked.plan_id desc
    ) = 1
),

final as (
    select
        plan_id, variant, link, count(*) as clicks, min(clicked_at) as first_clicked_at,
        max(clicked_at) as last_clicked_at
    from attributed
    group by plan_id, variant, link
)

select * from final
