-- temporary: one row per order, in whole numbers
with final as (
    select
        purchase.rowid as order_no, person.person_no, epoch_us(purchase.paid_at) as paid_us,
        purchase.amount::decimal(12, 2) as amount_cny
    from order_clean as purchase
    inner join touched_person as person using (token)
)

select * from final
