-- Writes alternate_change into contact_alternate. One insert, and only when there is something to write: see merging.py.

insert into contact_alternate by name select * from alternate_change;
