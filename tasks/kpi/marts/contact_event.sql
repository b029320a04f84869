-- one row per reply, complaint, click, order or other event of a person, with the message it is attributed to
with final as (
    select
        event.source::varchar as source,
        event.event_id,
        event.kind::varchar as kind,
        event.token,
        event.happened_at,
        event.channel::varchar as channel,
        plan.plan_id,
        plan.campaign_id,
        event.attributed_by::varchar as attributed_by,
        event.amount_cny
    from kept.event_row as event
    left join kept.plan_row as plan using (plan_no)
)

select * from final
