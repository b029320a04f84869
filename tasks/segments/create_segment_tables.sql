-- The tables of the segments room. Membership is one number per person, with one bit for each segment: ten million
-- people in thirty segments are ten million short rows, and a night writes only those who moved.

-- One row per segment that ever was; its bit is never given to another one.
create table if not exists segment_defined (
    segment varchar not null,
    bit utinyint not null,
    label varchar not null,
    condition varchar not null,
    is_current boolean not null,
    defined_at timestamptz not null
);
comment on table segment_defined is '分群定义：每个分群一行，删掉的也保留';
comment on column segment_defined.segment is '分群名';
comment on column segment_defined.bit is '在 segments 里的位，永不改派';
comment on column segment_defined.label is '给人看的名称';
comment on column segment_defined.condition is '最近一次使用的条件';
comment on column segment_defined.is_current is '现在的定义文件里是否还有';
comment on column segment_defined.defined_at is '第一次出现的时间';

-- One row per person and period in which they were in the same segments.
create table if not exists segment_span (
    token varchar not null,
    segments hugeint not null,
    from_at timestamptz not null,
    to_at timestamptz
);
comment on table segment_span is '分群归属的历史：每人每段不变的时期一行';
comment on column segment_span.token is '此人的令牌';
comment on column segment_span.segments is '所在的分群，每个一位，见 segment_defined.bit';
comment on column segment_span.from_at is '从何时起';
comment on column segment_span.to_at is '到何时止（不含）；空表示现在仍是';

-- One row per segment and refresh.
create table if not exists segment_size (
    segment varchar not null,
    people bigint not null,
    counted_at timestamptz not null
);
comment on table segment_size is '每次刷新后各分群的人数';
comment on column segment_size.segment is '分群名';
comment on column segment_size.people is '人数';
comment on column segment_size.counted_at is '刷新时间';

-- One row per segment, person and period.
create view if not exists segment_member as
select defined.segment, span.token, span.from_at, span.to_at
from segment_span as span
inner join segment_defined as defined on (span.segments >> defined.bit) & 1 = 1;
