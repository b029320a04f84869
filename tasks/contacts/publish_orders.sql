-- Writes order_change into order_clean. One insert, and only when there is something to write: see merging.py.

delete from order_clean where order_id in (select order_id from order_change);

insert into order_clean by name select * from order_change;
