-- Published beside the marts: analysts and the report's queries use the same formulas.

-- the share x of n; NULL where x is not measured or n is 0; never above 1 (an event can outrun its receipt)
create or replace macro rate(x, n) as case when x is not null then least(x, n)::double / nullif(n, 0) end;

-- the Wilson score bounds of a rate, 95% (Wilson 1927; Newcombe 1998, method 3); NULL where the rate is
create or replace macro wilson_low(x, n) as case
    when x = 0 and n > 0 then 0.0
    when n > 0 then (rate(x, n) + 1.9207294103 / n
        - 1.9599639845 * sqrt(rate(x, n) * (1 - rate(x, n)) / n + 0.9603647051 / n / n)) / (1 + 3.8414588207 / n)
end;

create or replace macro wilson_high(x, n) as case
    when x >= n and n > 0 then 1.0
    when n > 0 then (rate(x, n) + 1.9207294103 / n
        + 1.9599639845 * sqrt(rate(x, n) * (1 - rate(x, n)) / n + 0.9603647051 / n / n)) / (1 + 3.8414588207 / n)
end;
