-- why bills differ: messages by kind, with some of them
select
    channel,
    day,
    kind,
    count(*) as messages,
    sum(parts_billed - parts_ours)::bigint as parts,
    sum(cost_billed_cny - cost_ours_cny) as cny,
    array_to_string(list(message order by message)[:3], ', ') as examples
from bill_message
group by channel, day, kind
order by channel, day, kind
