-- when the marts were built, and up to when their sources reach
select built_at, receipts_until, replies_until, clicks_until, orders_until
from mart_build
