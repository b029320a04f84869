"""A sound channel record and a sound business record, as text."""

from __future__ import annotations

CHANNEL = """name: shop
adapter: generic
endpoint: https://sms.example.cn/api
account: shop-main
# Only the names of the variables.
credentials:
  token: SHOP_SMS_TOKEN
message_types: [marketing]
licence:
  number: B2-20201234
  scope: nationwide
  expires_on: 2027-06-30
  registered_capital_cny: 12000000
  verified_by: 李经理
  verified_on: 2026-09-01
  evidence: licence-2026-09-01.png
price_cny_per_part: 0.055
billing: delivered
coverage: [CN, HK]
definitive_query: false
query_grace_seconds: 600
batch_size: 200
rate_parts_per_second: 500
window: "8:00-21:30"
opt_out_wording: 拒收请回复R
links: filed
click_tracking: per_variant
signatures: [橙柚生活]
"""
BUSINESS = """name: orange-pomelo
licence_name: 橙柚生活（广州）商贸有限公司
signatures: [橙柚生活]
trademarks: [橙柚]
authorisations:
  - trade: medical
    number: 粤医广第1号
    expires_on: 2026-12-31
"""
