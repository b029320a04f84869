"""The simulated shop's side door: its orders as the file a real shop would export."""

from __future__ import annotations

import csv
from pathlib import Path

import httpx

from chuda.errors import ProviderTrouble

_PAGE = 1000
_COLUMNS = {
    "order_id": "订单号",
    "phone": "手机号",
    "paid_at": "支付时间",
    "amount": "金额",
    "discount": "优惠",
    "product": "商品",
}


def export_orders(endpoint: str, token: str, path: Path) -> int:
    """Write all orders of the simulated world so far as CSV (0600: it holds numbers); returns how many.

    Raises:
        ProviderTrouble: the simulator does not answer.
    """
    rows: list[dict[str, str]] = []
    cursor = ""
    try:
        with httpx.Client(base_url=endpoint, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
            while True:
                answer = client.get("/orders", params={"cursor": cursor, "limit": str(_PAGE)})
                answer.raise_for_status()
                body = answer.json()
                rows += body["items"]
                if len(body["items"]) < _PAGE:
                    break
                cursor = body["cursor"]
    except httpx.HTTPError as error:
        raise ProviderTrouble(f"the simulated shop did not answer ({type(error).__name__})") from None
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS.values())
        writer.writerows([row[name] for name in _COLUMNS] for row in rows)
    return len(rows)
