"""Published guides: the numbers as printed, the caveat with each, the file in the package."""

from importlib import resources

import pytest

from monitor.errors import MisuseError, UnknownNameError
from monitor.guides import GuideKind, damage_class, guide, guides


@pytest.mark.parametrize(
    ("width_mm", "key", "name"),
    [
        (0.0, "0", "negligible"),
        (0.099, "0", "negligible"),
        (0.1, "1", "very slight"),
        (1.0, "1", "very slight"),
        (1.001, "2", "slight"),
        (5.0, "2", "slight"),
        (5.001, "3", "moderate"),
        (15.0, "3", "moderate"),
        (15.001, "4", "severe"),
        (25.0, "4", "severe"),
        (25.001, "5", "very severe"),
        (400.0, "5", "very severe"),
    ],
)
def test_bre_digest_251(width_mm: float, key: str, name: str) -> None:
    assert (damage_class(width_mm).key, damage_class(width_mm).name) == (key, name)


@pytest.mark.parametrize(
    ("key", "limits"),
    [
        ("aci_224r", {"dry_air": 0.41, "humid": 0.30, "de_icing": 0.18, "sea_spray": 0.15, "water_retaining": 0.10}),
        ("eurocode_2", {"X0_XC1": 0.4, "XC2_XC3_XC4": 0.3, "XD_XS": 0.3}),
    ],
)
def test_limits_of_exposures(key: str, limits: dict[str, float]) -> None:
    one = guide(key)
    assert {step.key: step.up_to_mm for step in one.steps} == limits
    assert one.kind is GuideKind.LIMITS
    assert {step.key for step in one.exceeded_by(0.3)} == {name for name, limit in limits.items() if limit < 0.3}
    with pytest.raises(MisuseError, match="no damage classes"):
        one.class_of(0.3)


@pytest.mark.parametrize("key", guides())
def test_every_guide_is_whole(key: str) -> None:
    one = guide(key)
    assert one.key == key
    assert one.version >= 1
    assert one.title
    assert len(one.source) > 20
    assert len(one.caveat) > 40
    bounds = [step.up_to_mm for step in one.steps]
    assert bounds == sorted(bounds)
    assert len({step.key for step in one.steps}) == len(bounds)
    assert (bounds[-1] == float("inf")) is (one.kind is GuideKind.CLASSES)
    assert one.exceeded_by(0.0) == ()


@pytest.mark.parametrize("width_mm", [-0.1, float("nan")])
def test_no_width_is_below_zero(width_mm: float) -> None:
    with pytest.raises(MisuseError, match="cannot be"):
        damage_class(width_mm)


def test_unknown_guides_are_named() -> None:
    with pytest.raises(UnknownNameError, match="aci_224r, bre_digest_251, eurocode_2"):
        guide("iso_0")


def test_the_file_is_shipped_where_the_package_looks() -> None:
    assert resources.files("monitor").joinpath("guides.toml").is_file()
