-- parts per account and day, three ways, and the money under both billing modes
select
    account,
    day,
    string_agg(distinct channel, ', ' order by channel) as channels,
    sum(messages)::bigint as messages,
    sum(our_parts)::bigint as our_parts,
    sum(our_parts_unknown)::bigint as unknown_parts,
    sum(case when billing = 'delivered' then receipt_parts_delivered else receipt_parts_submitted end)::bigint
        as receipt_parts,
    max(provider_parts) as provider_parts,
    max(difference_parts) as difference_parts,
    sum(bill_parts)::bigint as bill_parts,
    sum(bill_difference_parts)::bigint as bill_difference_parts,
    sum(cost_cny) as cost_cny,
    sum(cost_other_mode_cny) as cost_other_mode_cny
from provider_bill
group by account, day
order by account, day
