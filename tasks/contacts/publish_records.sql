-- Writes where each person was named into contact_record, once per import. Run before contact_incoming is collapsed.

insert into contact_record
select token, import_id, source_row
from contact_incoming
where import_id not in (select distinct import_id from contact_record);
