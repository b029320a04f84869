"""The providers' own SDKs as oracles, where they are installed: their requests are verified by our simulator.

They are no dependency: `pip install alibabacloud_dysmsapi20170525 tencentcloud-sdk-python-sms` runs these tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fakes import start_simulator

from chuda.providers.simulator.judge import Judge

PROFILE = """
blacklisted_share: 0
marketing_hours: [0, 24]
cloud:
  signatures: [橙柚生活]
  app_id: "1400006666"
  templates:
    SMS_1: {text: "${who}您好，周末到店立减20元，拒收请回复R"}
    "1110": {text: "{1}您好，周末到店立减20元，拒收请回复R"}
"""
WHO = "王 先生+*~&/%20"
TEXT = f"【橙柚生活】{WHO}您好，周末到店立减20元，拒收请回复R"


@contextmanager
def company(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILE)
    home = tmp_path / "company"
    with start_simulator(home, profile=profile) as port:
        yield port, home


def test_aliyuns_sdk_is_understood(tmp_path):
    sdk = pytest.importorskip("alibabacloud_dysmsapi20170525.client")
    models = pytest.importorskip("alibabacloud_dysmsapi20170525.models")

    def client(port: int, secret: str) -> Any:
        config = _aliyun_config()(
            access_key_id="simulator", access_key_secret=secret, endpoint=f"127.0.0.1:{port}", protocol="HTTP"
        )
        return sdk.Client(config)

    one = models.SendSmsRequest(phone_numbers="13800138000", sign_name="橙柚生活", template_code="SMS_1",
                                template_param=json.dumps({"who": WHO}), out_id="sdk-1")  # fmt: skip
    batch = models.SendBatchSmsRequest(
        phone_number_json='["13800138001", "13800138002"]', sign_name_json='["橙柚生活", "橙柚生活"]',
        template_code="SMS_1", template_param_json=json.dumps([{"who": WHO}] * 2), out_id="sdk-2",
    )  # fmt: skip
    with company(tmp_path) as (port, home):
        assert client(port, "simulator").send_sms(one).body.code == "OK"
        assert client(port, "simulator").send_batch_sms(batch).body.code == "OK"
        with pytest.raises(Exception, match="SignatureDoesNotMatch"):
            client(port, "wrong").send_sms(one)
    assert {a.batch_id: a.text for a in Judge.open(home).all()} == {"sdk-1": TEXT, "sdk-2": TEXT}


def _aliyun_config() -> Any:
    try:
        module: ModuleType = pytest.importorskip("alibabacloud_tea_openapi.models")
        return module.Config
    except AttributeError:
        return pytest.importorskip("alibabacloud_tea_openapi.utils_models").Config


def test_tencents_sdk_is_understood(tmp_path):
    sdk = pytest.importorskip("tencentcloud.sms.v20210111.sms_client")
    models = pytest.importorskip("tencentcloud.sms.v20210111.models")
    credential = pytest.importorskip("tencentcloud.common.credential")
    profiles = pytest.importorskip("tencentcloud.common.profile.client_profile")
    http = pytest.importorskip("tencentcloud.common.profile.http_profile")

    def client(port: int, key: str) -> Any:
        way = profiles.ClientProfile(httpProfile=http.HttpProfile(endpoint=f"127.0.0.1:{port}", protocol="http"))
        return sdk.SmsClient(credential.Credential("simulator", key), "ap-guangzhou", way)

    request = models.SendSmsRequest()
    request.from_json_string(json.dumps({
        "PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400006666", "SignName": "橙柚生活",
        "TemplateId": "1110", "TemplateParamSet": [WHO], "SessionContext": "sdk-3",
    }))  # fmt: skip
    with company(tmp_path) as (port, home):
        assert [row.Code for row in client(port, "simulator").SendSms(request).SendStatusSet] == ["Ok"]
        with pytest.raises(Exception, match="SignatureFailure"):
            client(port, "wrong").SendSms(request)
    assert [a.text for a in Judge.open(home).all()] == [TEXT]
