-- Grain: one row per answer to a keyword that was sealed. plan_id is the plan whose message was answered; the parts of a
-- batch are shared evenly, since everybody got the same text with another code.
insert into answer_sent by name
with member as (select *, unnest(range(size)) as position from answer_batch),

final as (
    select
        -- of <plan>-<release>-answers-<number>, or <plan>-<release>~<stand-in>-answers-<number>: the plan
        regexp_replace(split_part(member.plan_id, $answers_of, 1), '-[0-9]+(~[0-9]+)?$', '') as plan_id,
        member.campaign_id,
        substr(member.tokens, (32 * member.position + 1)::bigint, 32) as token,
        member.channel,
        member.batch_id,
        member.position::integer as position,
        coalesce(exception.state, member.state) as state,
        member.sent_at,
        (member.parts / member.size)::decimal(8, 2) as parts,
        member.price_cny::decimal(8, 4) as price_cny,
        member.billing
    from member
    left join message_exception as exception
        on exception.batch_id = member.batch_id and exception.position = member.position
)

select * from final
