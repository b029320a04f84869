"""Side doors: the simulated shop's orders and the simulated company's bill, as the files real ones would export."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
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
_BILL_COLUMNS = {
    "message_id": "消息编号",
    "phone": "手机号",
    "accepted_at": "发送时间",
    "status": "状态",
    "parts": "计费条数",
    "fee": "费用",
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
    return _write(path, _COLUMNS, rows)


def export_bill(endpoint: str, token: str, day: date, path: Path) -> int:
    """Write the company's bill of a day as CSV (0600: it holds numbers); returns its lines.

    Raises:
        ProviderTrouble: the simulator does not answer.
    """
    try:
        with httpx.Client(base_url=endpoint, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
            answer = client.get("/bill", params={"day": day.isoformat()})
            answer.raise_for_status()
            return _write(path, _BILL_COLUMNS, answer.json()["items"])
    except httpx.HTTPError as error:
        raise ProviderTrouble(f"the simulated company did not answer ({type(error).__name__})") from None


def _write(path: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> int:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns.values())
        writer.writerows([row[name] for name in columns] for row in rows)
    return len(rows)
