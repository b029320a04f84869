-- temporary: one row per click that found its message: its own, or where the log names none the last on that channel
with own as (
    select
        click.rowid as click_no, person.person_no, epoch_us(click.clicked_at) as clicked_us, message.message_key,
        message.attribution_us, 'own_message' as attributed_by
    from click_received as click
    inner join batch_known as batch using (batch_id)
    inner join touched_message as message on message.message_no = batch.first_message_no + click.position
    inner join touched_person as person on person.token = click.token
),

logged as (
    select
        click.rowid as click_no, message.person_no, epoch_us(click.clicked_at) as clicked_us, message.message_key,
        message.attribution_us, 'last_message' as attributed_by
    from click_received as click
    inner join touched_person as person using (token)
    inner join touched_message as message using (person_no)
    inner join plan_numbered as numbered on numbered.first_message_key >> 40 = message.message_key >> 40
    inner join plan_in_force as plan on plan.plan_id = numbered.plan_id
    where click.batch_id is null
        and message.is_submitted
        and message.channel = click.channel
        and plan.click_tracking <> 'none'
        and message.sent_us <= epoch_us(click.clicked_at)
        and epoch_us(click.clicked_at) < message.sent_us + message.attribution_us
    qualify row_number() over (partition by click.rowid order by message.sent_us desc, message.message_key desc) = 1
),

final as (
    select * from own
    union all
    select * from logged
)

select * from final
