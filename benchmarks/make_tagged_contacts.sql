-- $rows contacts and as many orders, with values spread like a shop's.
insert into contact_clean by name
select
    md5(i::varchar) as token,
    'CN' as phone_region,
    ['mobile', 'unicom', 'telecom'][1 + (i % 3)] as carrier,
    carrier as allocated_carrier,
    'mobile' as number_type,
    ['广东', '江苏', '四川', '北京'][1 + (hash(i) % 4)::int] as province,
    ['深圳', '南京', '成都', '北京'][1 + (hash(i) % 4)::int] as phone_city,
    '王小' || (i % 1000) as name,
    '王' as surname,
    ['f', 'm'][1 + (i % 2)] as gender,
    date '1960-01-01' + (hash(i * 3) % 18000)::int as birthday,
    if(i % 20 = 0, date '2026-12-01' + (hash(i) % 200)::int, null) as due_date,
    if(i % 10 = 1, date '2019-01-01' + (hash(i) % 2500)::int, null) as child_birthday,
    'zh-Hans' as language,
    (hash(i * 7) % 10000)::bigint as points,
    date '2026-11-01' + (hash(i) % 400)::int as points_expire_on,
    if(i % 5 = 0, ['VIP'], []) as tags,
    'granted' as consent,
    '门店' as consent_source,
    timestamptz '2026-01-01 00:00:00+08' as consent_at,
    '营销' as consent_purpose,
    'M' || i as source_id,
    (i % 4000000000)::uinteger as source_row,
    'members.csv' as source_file,
    'made' as import_id,
    true as states_consent,
    consent_at as newest_at,
    consent_at as updated_at
from range($rows) made(i);

insert into order_clean by name
select
    'D' || i as order_id,
    md5((hash(i) % $rows)::varchar) as token,
    timestamptz '2024-01-01 00:00:00+08' + to_days((hash(i * 5) % 1000)::int) as paid_at,
    (hash(i) % 50000 / 100)::decimal(12, 2) as amount,
    if(i % 3 = 0, 5, null)::decimal(12, 2) as discount,
    '商品' as product,
    'made' as import_id
from range($rows) made(i);
