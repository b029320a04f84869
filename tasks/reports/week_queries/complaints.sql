-- complaints made in the week, and older ones that are not done
select complained_at, campaign_id, segment, template, variant, text_masked, deadline_at, is_done, is_overdue
from complaint
where complained_at < $end and (complained_at >= $begin or not is_done)
order by is_done, complained_at
