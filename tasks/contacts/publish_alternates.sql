-- Writes alternate_change into contact_alternate. Run only when there is something to write: see merging.py.

insert into contact_alternate by name select * from alternate_change;
