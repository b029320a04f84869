-- Works out which pairs of alternate_incoming (alternate_distinct) are new to contact_alternate: alternate_change.

create or replace temp table alternate_change as
select incoming.token, incoming.alternate_token
from alternate_distinct as incoming
anti join contact_alternate as known
    on known.token = incoming.token and known.alternate_token = incoming.alternate_token;
