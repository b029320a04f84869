-- failed and rejected messages by cause, with the codes behind them
with coded as (
    select cause, coalesce(nullif(code, ''), '?') as code, count(*) as messages
    from message_fact
    where state in ('failed', 'rejected') and sent_at >= $begin and sent_at < $end
    group by all
)

select
    cause,
    sum(messages)::bigint as failed,
    string_agg(code || ' × ' || messages, ', ' order by messages desc, code) as codes
from coded
group by cause
order by failed desc, cause
