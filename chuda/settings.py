"""Where the state lives and what the environment says: everything a process needs to know before it opens a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chuda.errors import UsageError

Language = Literal["zh", "en"]


class Settings(BaseSettings):
    """The settings of a workspace, from `CHUDA_*` variables; paths are relative to the current folder."""

    model_config = SettingsConfigDict(env_prefix="CHUDA_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Path("data/state")
    campaigns: Path = Path("data/campaigns")
    reference: Path = Path("data/reference")
    ledger_url: SecretStr | None = None
    now: str | None = None
    lang: Language = "zh"
    memory_gb: float = Field(default=5.0, gt=0.5)
    # Whom alerts are told: addresses of group robots (they hold a credential), and what texts are signed with.
    wecom_webhook: SecretStr | None = None
    dingtalk_webhook: SecretStr | None = None
    dingtalk_secret: SecretStr | None = None
    feishu_webhook: SecretStr | None = None
    feishu_secret: SecretStr | None = None
    alert_webhook: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    alert_from: Literal["info", "warn", "stop"] = "warn"

    @property
    def keys_file(self) -> Path:
        """The 0600 file with the two keys."""
        return self.home / "keys"

    @property
    def ledger_target(self) -> Path | str:
        """Where the ledger is: the PostgreSQL URL if one is set, else a SQLite file."""
        return self.ledger_url.get_secret_value() if self.ledger_url else self.home / "ledger.sqlite"

    @property
    def notice_ledger_target(self) -> Path | str:
        """Where transactional messages are recorded: a file of their own, so that they wait for no marketing commit."""
        return self.ledger_url.get_secret_value() if self.ledger_url else self.home / "notices.sqlite"

    @property
    def warehouse_file(self) -> Path:
        """The warehouse."""
        return self.home / "warehouse.duckdb"

    @property
    def marts_file(self) -> Path:
        """The marts analysts read."""
        return self.home / "marts.duckdb"

    @property
    def vault_file(self) -> Path:
        """The vault."""
        return self.home / "vault.sqlite"

    @property
    def reports(self) -> Path:
        """Where reports go."""
        return self.home / "reports"

    @property
    def rejects(self) -> Path:
        """Where the rows go that a person should correct; numbers in the clear, 0600."""
        return self.home / "rejects"

    @property
    def scratch(self) -> Path:
        """Spill and transcoding files; emptied when they are done with."""
        return self.home / "scratch"


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        UsageError: a `CHUDA_*` variable cannot be read; its name and why.
    """
    try:
        return Settings()
    except ValidationError as error:
        said = "; ".join(f"CHUDA_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise UsageError(f"the environment is not usable: {said}") from None


def environment() -> dict[str, str]:
    """The process's environment, for keys and credentials."""
    return dict(os.environ)
