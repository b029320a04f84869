-- Records in segment_span who moved since the last refresh: contact_tagged against the spans that are open. $now is the
-- moment of the refresh. Who is in no segment has no open span.

create or replace temp table segment_moved as
select coalesce(tagged.token, span.token) as token, nullif(tagged.segments, 0) as segments
from contact_tagged as tagged
full join (select token, segments from segment_span where to_at is null) as span on span.token = tagged.token
where nullif(tagged.segments, 0) is distinct from span.segments;

update segment_span set to_at = $now where to_at is null and token in (select token from segment_moved);

-- Two refreshes at one moment (a simulated clock stands still) leave no period between them.
delete from segment_span where from_at = $now and to_at = $now;

insert into segment_span
select token, segments, $now, null from segment_moved where segments is not null;

insert into segment_size select segment, people, $now from segment_size_now;
