-- Brings order_incoming, which came in batches, down to one row per order id: the one paid last, then the one further
-- down the file. order_dropped has the others, and whether they say something else.
create or replace temp table order_dropped as
with ordered as (
    select *, row_number() over (partition by order_id order by paid_at desc, source_row desc) as place
    from order_incoming
    where order_id in (select order_id from order_incoming group by order_id having count(*) > 1)
)
select
    other.source_row,
    (other.token, other.source_id, other.paid_at, other.amount, other.discount, other.product, other.campaign)
    is distinct from
    (kept.token, kept.source_id, kept.paid_at, kept.amount, kept.discount, kept.product, kept.campaign) as is_conflict
from ordered as other
inner join ordered as kept on kept.order_id = other.order_id and kept.place = 1
where other.place > 1;

delete from order_incoming where source_row in (select source_row from order_dropped);
