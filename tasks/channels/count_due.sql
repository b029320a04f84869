-- Grain: one row: messages of a channel's account on a day, their parts as far as known, and those that may be due too.
select
    count(*)::bigint as messages,
    coalesce(sum(parts_due), 0)::bigint as parts_due,
    coalesce(sum(parts) filter (
        parts_due is null or ($billing = 'delivered' and parts_due = 0 and state = 'accepted' and status = '')
    ), 0)::bigint as parts_open
from message_due($channel, $day, $billing)
