-- Works out what order_incoming changes in order_clean: order_change, one row per order id that is new or different
-- now; the incoming row wins. publish_orders.sql writes it.
-- A row without a token is looked up by the user's own number of the person; rows that stay without one are in
-- order_unresolved.

create or replace temp table order_resolved as
with member as (
    -- Two people with one number of that kind: the one that changed last is the one it belongs to now.
    select source_id, arg_max(token, (updated_at, token)) as token
    from contact_clean
    where source_id in (select source_id from order_incoming where token is null)
    group by source_id
)
select incoming.* replace (coalesce(incoming.token, member.token) as token)
from order_incoming as incoming
left join member on incoming.token is null and member.source_id = incoming.source_id;

create or replace temp table order_unresolved as
select order_id, source_row, source_id from order_resolved where token is null;

create or replace temp table order_change as
with latest as (
    select * from order_resolved
    where token is not null
    qualify row_number() over (partition by order_id order by source_row desc) = 1
)
select latest.order_id, latest.token, latest.paid_at, latest.amount, latest.discount, latest.product,
    latest.campaign, latest.import_id
from latest
left join order_clean as known on known.order_id = latest.order_id
where known.order_id is null
    or (latest.token, latest.paid_at, latest.amount, latest.discount, latest.product, latest.campaign)
        is distinct from (known.token, known.paid_at, known.amount, known.discount, known.product, known.campaign);
