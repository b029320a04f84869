"""One channel's trouble stops neither the other channels nor the closing of what was never answered."""

from __future__ import annotations

import http.server
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import phones, put_release

from chuda.clock import to_us
from chuda.records.channel import load_channel
from chuda.stores.ledger.releases import state_counts
from chuda.stores.ledger.suppression import Suppression, remember_alternates, suppress, suppressed_among
from tasks.feedback.stage import collect_feedback

ROOT = Path(__file__).parents[3]


class _OptOuts(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        items = [{"phone": "13800000000", "text": "td", "received_at": None}] if "/replies" in self.path else []
        body = json.dumps({"cursor": "1", "items": items if "cursor=&" in self.path else []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def provider_port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OptOuts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def channel_record(port):
    record = load_channel(ROOT / "data/campaigns/channels/demo.yaml").value
    changed = {"endpoint": f"http://127.0.0.1:{port}", "credentials": {"token": "CHUDA_DEMO_TOKEN"}}
    return record.model_copy(update=changed).model_dump_json()


def test_trouble_of_one_channel_is_named_and_stops_nothing(workspace_ledger, keys, clock, provider_port):
    old = clock.now() - timedelta(hours=80)
    bad = {"channel_record": '{"name": "older"}', "people": phones(2), "number": 1}
    put_release(workspace_ledger, keys, old, **bad, plan_id="p1", occurrence="a")
    good = {"channel_record": channel_record(provider_port), "people": phones(4)[2:], "number": 1}
    put_release(workspace_ledger, keys, old, **good, plan_id="p2", occurrence="b")
    with workspace_ledger.write() as connection:
        connection.exec_driver_sql("UPDATE release SET channel = plan_id")
        connection.exec_driver_sql("UPDATE batch SET state = 'unknown', attempts = 1 WHERE plan_id = 'p1'")
        connection.exec_driver_sql(
            "INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, outcome) "
            f"VALUES ('p1-1-0', 1, 'p1-1', 'me', 1, 2, 2, {to_us(old)}, 'unknown')"
        )
    result = collect_feedback.fn()
    assert result.verdict == "warned"
    assert "?" in result.details["trouble"]
    assert (result.details["opt_outs"], result.details["closed"]) == ("1", "1")
    with workspace_ledger.read() as connection:
        assert suppressed_among(connection, [keys.token("13800000000")], "marketing")
        assert state_counts(connection, "p1") == {"unconfirmed": 2}


def test_numbers_found_to_be_one_persons_afterwards_are_covered_too(workspace_ledger, keys):
    main, other = (keys.token(phone) for phone in phones(2))
    with workspace_ledger.write() as connection:
        suppress(connection, [Suppression(other, "marketing", "opt_out", "reply:demo", 0, 0)])
        remember_alternates(connection, [(main, other)])
    assert collect_feedback.fn().verdict == "passed"
    with workspace_ledger.read() as connection:
        assert suppressed_among(connection, [main, other], "marketing") == {main, other}
