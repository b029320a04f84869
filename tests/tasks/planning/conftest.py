"""A workspace per test in which campaigns are planned for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from planning_world import BUSINESS, ROOT, World, phone

from chuda.keys import create_keys


@pytest.fixture(scope="session")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace of ten people; tests work on copies."""
    folder = tmp_path_factory.mktemp("populated")
    with pytest.MonkeyPatch.context() as patch:
        world = _lay_out(folder, patch)
        world.add_people([{"手机号": phone(number), "会员号": f"M{number}"} for number in range(10)])
    return folder


@pytest.fixture
def world(populated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    shutil.copytree(populated, tmp_path / "world")
    return _open(tmp_path / "world", monkeypatch)


def _lay_out(folder: Path, patch: pytest.MonkeyPatch) -> World:
    campaigns = folder / "campaigns"
    (campaigns / "channels").mkdir(parents=True)
    (campaigns / "business.yaml").write_text(BUSINESS, encoding="utf-8")
    for name in ("demo", "demo_notice"):
        source = ROOT / "data" / "campaigns" / "channels" / f"{name}.yaml"
        (campaigns / "channels" / f"{name}.yaml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "home").mkdir()
    create_keys(folder / "home" / "keys")
    return _open(folder, patch)


def _open(folder: Path, patch: pytest.MonkeyPatch) -> World:
    patch.setenv("CHUDA_HOME", str(folder / "home"))
    patch.setenv("CHUDA_DEMO_TOKEN", "simulator")
    patch.setenv("CHUDA_CAMPAIGNS", str(folder / "campaigns"))
    patch.setenv("CHUDA_REFERENCE", str(ROOT / "data" / "reference"))
    return World(folder, patch.setenv).at("2026-11-20T02:00:00")
