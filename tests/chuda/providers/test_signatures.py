"""Signatures against the vectors the providers publish."""

from __future__ import annotations

import hashlib

import pytest

from chuda.providers import acs3, tc3

ACS3_HEADERS = {
    "host": "ecs.cn-shanghai.aliyuncs.com",
    "x-acs-action": "RunInstances",
    "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    "x-acs-date": "2023-10-26T10:22:32Z",
    "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
    "x-acs-version": "2014-05-26",
}
ACS3_QUERY = {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
TC3_BODY = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
TC3_HEADERS = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}


def test_aliyuns_published_vector():
    query = acs3.canonical_query(ACS3_QUERY)
    canonical = acs3.canonical_request("POST", query, ACS3_HEADERS, ACS3_HEADERS["x-acs-content-sha256"])
    assert hashlib.sha256(canonical.encode()).hexdigest() == (
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    )
    header = acs3.authorization("YourAccessKeyId", "YourAccessKeySecret", "POST", query, ACS3_HEADERS)
    assert header == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_aliyun_encodes_what_rfc_3986_reserves():
    assert acs3.canonical_query({"b": "王 先生*~/+", "a": "1"}) == "a=1&b=%E7%8E%8B%20%E5%85%88%E7%94%9F%2A~%2F%2B"


@pytest.mark.parametrize(
    ("secret", "headers", "hashed", "signature"),
    [
        (
            "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", TC3_HEADERS,
            "5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
            "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
        ),
        (
            "*" * 32, {**TC3_HEADERS, "x-tc-action": "DescribeInstances"},
            "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
            "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
        ),
    ],
)  # fmt: skip
def test_tencents_published_vectors(secret, headers, hashed, signature):
    canonical = tc3.canonical_request(headers, TC3_BODY)
    assert hashlib.sha256(canonical.encode()).hexdigest() == hashed
    assert tc3.sign(canonical, secret, "cvm", 1551113065) == signature
    header = tc3.authorization("AKID", secret, "cvm", 1551113065, headers, TC3_BODY)
    assert header == (
        f"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm/tc3_request, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )
