-- Grain: one row per message of a day on which the bill of a channel and our ledger do not agree; the price of a part is
-- $price. A bill names our message id where it can; else the n-th message of a person that day is the n-th line.
-- The bill of an account has the messages of all its channels: those of the others are known, and missed only where the
-- bill has some of that channel.
with known as (from message_due($channel, $day, $billing)),

told as (
    select
        line,
        message_id,
        parts,
        fee_cny,
        case when message_id is null then token end as token
    from bill_line
    where channel = $channel and day = $day
),

told_in_order as (
    select
        *,
        row_number() over (partition by token order by line) as place,
        sum(parts) over (partition by token order by line) - parts as parts_before,
        count(*) over (partition by token) as lines
    from told
    where token is not null
),

known_in_order as (
    select
        token,
        count(*) over (partition by token) as messages,
        sum(parts) over (partition by token order by place) as parts_to
    from known
),

-- Where a person has more lines than messages, some message is several lines: its parts follow each other.
placed as (
    select
        line.line,
        case when any_value(line.lines) <= any_value(own.messages) then any_value(line.place)
            else least(any_value(own.messages), 1 + count(*) filter (own.parts_to <= line.parts_before)) end as place
    from told_in_order as line
    inner join known_in_order as own on own.token = line.token
    group by line.line
),

-- A message can be on several lines, by its parts or because it is charged again: their sum is what it was billed.
billed as (
    select
        min(told.line) as line,
        told.message_id,
        told.token,
        max(placed.place) as place,
        sum(told.parts) as parts,
        case when count(told.fee_cny) > 0
            then sum(coalesce(told.fee_cny, told.parts * $price::decimal(18, 4))) end as fee_cny
    from told
    left join placed on placed.line = told.line
    group by
        told.message_id, told.token,
        case when told.message_id is null then coalesce(placed.place, -told.line) end
),

matched as (
    select
        coalesce(known.message_id, 'line ' || billed.line) as message,
        known.message_id is not null as is_ours,
        billed.line is not null as is_billed,
        known.channel,
        known.state,
        known.status,
        known.parts_due,
        coalesce(billed.parts, 0) as parts_billed,
        billed.fee_cny
    from known
    full outer join billed
        on case when billed.message_id is not null then billed.message_id = known.message_id
            else billed.token = known.token and billed.place = known.place end
),

expected as (
    select channel from matched where is_ours and is_billed
    union
    select $channel
),

final as (
    select
        message,
        case
            when not is_ours then 'not_ours'
            when not is_billed then 'not_billed'
            when parts_due is null then 'outcome_unknown'
            when parts_due = 0 and status = 'failed' then 'failed_but_billed'
            when parts_due = 0 and state in ('accepted', 'intent') then 'no_receipt_but_billed'
            when parts_due = 0 then 'not_accepted_but_billed'
            when parts_billed = parts_due then 'price_differs'
            else 'parts_differ'
        end as kind,
        coalesce(parts_due, 0)::integer as parts_ours,
        parts_billed::integer as parts_billed,
        (coalesce(parts_due, 0) * $price::decimal(18, 4))::decimal(18, 4) as cny_ours,
        coalesce(fee_cny, parts_billed * $price::decimal(18, 4))::decimal(18, 4) as cny_billed
    from matched
    where (
        parts_billed is distinct from coalesce(parts_due, -1)
        -- Half a fen a part is rounding.
        or abs(fee_cny - parts_billed * $price::decimal(18, 4)) > 0.005 * greatest(parts_billed, 1)
    )
    and not (parts_due is null and not is_billed)
    and not (parts_due = 0 and not is_billed)
    and (is_billed or channel in (select channel from expected))
)

select * from final
order by kind, message
