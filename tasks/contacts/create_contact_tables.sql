-- The tables of the contacts room. No column holds a phone number; `token` stands for one everywhere.
-- No keys: an index over ten million tokens costs more than everything else here. The merge keeps tokens unique, the
-- gate checks it. Where DuckDB would only find out that nothing packs a column well, it is told how to store it: that
-- saves two fifths of the time of writing, for 30 bytes a person.

-- One row per person.
create table if not exists contact_clean (
    token varchar not null using compression uncompressed,
    phone_region varchar not null,
    allocated_carrier varchar,
    carrier varchar,
    number_type varchar not null,
    province varchar,
    phone_city varchar,
    name varchar,
    surname varchar,
    gender varchar,
    city varchar,
    birthday date,
    due_date date,
    child_birthday date,
    language varchar,
    points bigint,
    points_expire_on date,
    tags varchar[],
    consent varchar not null,
    consent_source varchar,
    consent_at timestamptz,
    consent_purpose varchar,
    source_id varchar using compression fsst,
    source_row uinteger not null,
    source_file varchar not null,
    import_id varchar not null,
    states_consent boolean not null,
    newest_at timestamptz,
    updated_at timestamptz not null
);
comment on table contact_clean is '联系人：一个号码一行';
comment on column contact_clean.token is '号码的密钥令牌（32 位十六进制），全库用它代表一个人';
comment on column contact_clean.phone_region is '号码所属地区：CN、HK、MO、TW';
comment on column contact_clean.allocated_carrier is '号段分配的运营商：mobile、unicom、telecom、broadnet；港澳台为空';
comment on column contact_clean.carrier is '现在的运营商：通常就是号段分配的；回执表明已携号转网时为 ported（转到哪家未知）';
comment on column contact_clean.number_type is 'mobile 基础运营商，mvno 虚拟运营商';
comment on column contact_clean.province is '号段所属省份简称，如 广东；号段表里没有时为空';
comment on column contact_clean.phone_city is '号段所属城市简称，如 深圳；号段表里没有时为空';
comment on column contact_clean.name is '姓名：去掉称谓、空格和全角；未知为空';
comment on column contact_clean.surname is '姓（含复姓），用于称呼；拿不准时为空';
comment on column contact_clean.gender is 'f 女，m 男，未知为空；没有性别列时取自称谓';
comment on column contact_clean.city is '客户自己的城市，简称；未知为空';
comment on column contact_clean.birthday is '生日';
comment on column contact_clean.due_date is '预产期';
comment on column contact_clean.child_birthday is '孩子生日';
comment on column contact_clean.language is '短信语言：zh-Hans、zh-Hant、en；未知为空';
comment on column contact_clean.points is '积分';
comment on column contact_clean.points_expire_on is '积分到期日';
comment on column contact_clean.tags is '导入时带来的标签';
comment on column contact_clean.consent is '营销同意：granted 同意，denied 拒绝，none 没有记录';
comment on column contact_clean.consent_source is '同意（或拒绝）的来源';
comment on column contact_clean.consent_at is '同意（或拒绝）的时间';
comment on column contact_clean.consent_purpose is '同意的用途';
comment on column contact_clean.source_id is '客户自己系统里的编号（会员号），订单和事件靠它找人';
comment on column contact_clean.source_row is '最近一次改变此人的记录在文件里的行号';
comment on column contact_clean.source_file is '最近一次改变此人的文件';
comment on column contact_clean.import_id is '最近一次改变此人的导入';
comment on column contact_clean.states_consent is '是否有文件说过此人同意与否；没有说过的 none 不妨碍以后的同意';
comment on column contact_clean.newest_at is '此人所有记录里最晚的同意时间，用来判断哪条记录更新';
comment on column contact_clean.updated_at is '此人最近一次真正改变的时间；重复导入不改变它';

-- One row per further number of a person; never messaged by itself, an opt-out on one covers all.
create table if not exists contact_alternate (
    token varchar not null,
    alternate_token varchar not null
);
comment on table contact_alternate is '同一个人的其他号码：只用于退订和投诉，不发送';
comment on column contact_alternate.token is '此人的令牌';
comment on column contact_alternate.alternate_token is '此人另一个号码的令牌';

-- One row per order.
create table if not exists order_clean (
    order_id varchar not null,
    token varchar not null,
    paid_at timestamptz not null,
    amount decimal(12, 2) not null,
    discount decimal(12, 2),
    product varchar,
    campaign varchar,
    import_id varchar not null
);
comment on table order_clean is '订单：一个订单号一行';
comment on column order_clean.order_id is '订单号';
comment on column order_clean.token is '下单人的令牌';
comment on column order_clean.paid_at is '支付时间';
comment on column order_clean.amount is '实付金额（元）';
comment on column order_clean.discount is '优惠金额（元）；未知为空';
comment on column order_clean.product is '商品';
comment on column order_clean.campaign is '带来订单的活动编号或链接码；未知为空';
comment on column order_clean.import_id is '最近一次改变此订单的导入';

-- One row per event.
create table if not exists event_clean (
    event_id varchar not null,
    token varchar not null,
    kind varchar not null,
    "at" timestamptz not null,
    detail varchar,
    import_id varchar not null
);
comment on table event_clean is '事件：一个事件号一行';
comment on column event_clean.event_id is '事件号';
comment on column event_clean.token is '当事人的令牌';
comment on column event_clean.kind is '类型：appointment 预约，installation 安装，visit 到店，touch 其他渠道触达，或原文';
comment on column event_clean."at" is '发生（或预约）的时间';
comment on column event_clean.detail is '说明';
comment on column event_clean.import_id is '最近一次改变此事件的导入';

-- One row per row of a file that named a person: where what we know of them comes from.
create table if not exists contact_record (
    token varchar not null,
    import_id varchar not null,
    source_row uinteger not null
);
comment on table contact_record is '每条来源记录一行：谁、哪次导入、文件第几行（文件名见 import_run）';
comment on column contact_record.token is '此人的令牌';
comment on column contact_record.import_id is '导入编号（文件内容的指纹）';
comment on column contact_record.source_row is '文件里的行号';

-- One row per consent or refusal that something newer has replaced; kept five months beyond the end of the relation.
create table if not exists consent_past (
    token varchar not null,
    consent varchar not null,
    consent_source varchar,
    consent_at timestamptz,
    consent_purpose varchar,
    source_file varchar,
    source_row uinteger,
    ended_at timestamptz not null
);
comment on table consent_past is '已被更新的同意或拒绝：一条一行；关系结束后再保存五个月';
comment on column consent_past.token is '此人的令牌';
comment on column consent_past.consent is '当时的回答：granted 同意，denied 拒绝';
comment on column consent_past.consent_source is '当时的来源';
comment on column consent_past.consent_at is '当时的时间';
comment on column consent_past.consent_purpose is '当时的用途';
comment on column consent_past.source_file is '记录所在的文件';
comment on column consent_past.source_row is '记录在文件里的行号';
comment on column consent_past.ended_at is '不再有效的时间：被新回答取代，或此人被删除';

-- One row per source and million rows of its last export that was taken in: the night processes only what is not here.
create table if not exists row_seen (
    source varchar not null,
    part integer not null,
    sealed blob not null
);
comment on table row_seen is '各来源最近一次导出里已导入的行的指纹（加密），夜间只处理没见过的行';
comment on column row_seen.source is '来源名（--source，或去掉日期的文件名）';
comment on column row_seen.part is '第几部分';
comment on column row_seen.sealed is '至多一百万行的指纹，加密保存';

-- One row per file of the inbox that was imported: as long as it looks like this it is not even read.
create table if not exists file_seen (
    kind varchar not null,
    source_file varchar not null,
    bytes bigint not null,
    changed_ns bigint not null
);
alter table file_seen add column if not exists status_ns bigint;
alter table file_seen add column if not exists inode ubigint;
comment on table file_seen is '收件夹里已导入的文件：大小、时间和 inode 都不变就不再读取';
comment on column file_seen.kind is 'contacts、orders、events、do_not_contact';
comment on column file_seen.source_file is '文件名';
comment on column file_seen.bytes is '大小（字节）';
comment on column file_seen.changed_ns is '文件系统里的修改时间（1970 年以来的纳秒）';
comment on column file_seen.status_ns is '文件系统里的状态改变时间 ctime（1970 年以来的纳秒），用户不能改回';
comment on column file_seen.inode is 'inode 编号';

-- One row per import.
create table if not exists import_run (
    import_id varchar,
    kind varchar,
    source_file varchar,
    source varchar,
    rows_in bigint,
    unchanged_rows bigint,
    extra_numbers bigint,
    kept bigint,
    merged bigint,
    alternates bigint,
    rejected bigint,
    new_rows bigint,
    changed_rows bigint,
    published_at timestamptz
);
comment on table import_run is '每次导入一行：文件和账目';
comment on column import_run.import_id is '导入编号：文件内容 SHA-256 的前 16 位';
comment on column import_run.kind is 'contacts、orders、events、do_not_contact';
comment on column import_run.source_file is '文件名';
comment on column import_run.source is '来源名';
comment on column import_run.rows_in is '处理的行数';
comment on column import_run.unchanged_rows is '与上次导出相同、因此跳过的行数';
comment on column import_run.extra_numbers is '单元格里第二个及以后的号码';
comment on column import_run.kept is '留下的人（订单、事件）';
comment on column import_run.merged is '并入同一人的行';
comment on column import_run.alternates is '记为备用号码的';
comment on column import_run.rejected is '拒收的';
comment on column import_run.new_rows is '新增';
comment on column import_run.changed_rows is '改变';
comment on column import_run.published_at is '完成时间';
