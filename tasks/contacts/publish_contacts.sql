-- Writes contact_change and the new people of contact_merged into contact_clean; $now is the time of the change.
-- One insert, and only when there is something to write: see merging.py.

delete from contact_clean where token in (select token from contact_change);

insert into contact_clean by name
select *, $now::timestamptz as updated_at from contact_change
union all by name
select contact_merged.*, $now::timestamptz as updated_at
from contact_merged
anti join contact_clean on contact_clean.token = contact_merged.token
anti join contact_change on contact_change.token = contact_merged.token;
