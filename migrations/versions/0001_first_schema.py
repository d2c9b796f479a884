"""First schema: sites to readings, rules to notifications.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True)
ROLES = ("viewer", "operator", "engineer", "admin")
REFERENCE_KEY = "fk_location_reference_capture_id_capture"


def upgrade() -> None:
    _create_places()
    _create_captures()
    _create_circumstances()
    _create_readings()
    _create_recipe_changes()
    _create_told()
    _create_cracks()
    _create_site_trials()
    _create_growth_fits()
    _create_verdicts()
    _create_rules()
    _create_trigger_plans()
    _create_transitions()
    _create_filings()
    _create_access()
    _create_tokens()
    _create_signs_of_life()
    _create_audit_trail()


def downgrade() -> None:
    if _alters_constraints():
        op.drop_constraint(REFERENCE_KEY, "location", type_="foreignkey")
    for table in (
        "audit_entry",
        "heartbeat",
        "fetched",
        "lease",
        "sighting",
        "token_secret",
        "token",
        "login_attempt",
        "login",
        "password",
        "site_role",
        "account",
        "notification",
        "alert_action",
        "transition",
        "watched",
        "trigger_stand",
        "trigger_plan",
        "rule",
        "verdict",
        "growth_fit",
        "site_trial",
        "crack_reading",
        "crack",
        "following",
        "gauge",
        "corrected_severity",
        "correction",
        "adaptation",
        "patch_judgement",
        "claim",
        "recipe_offset",
        "recipe_switch",
        "reading",
        "temperature",
        "event",
        "filing",
        "capture",
        "location",
        "recipe",
        "site",
    ):
        op.drop_table(table)


def _alters_constraints() -> bool:
    """SQLite cannot add a foreign key later, but lets a table refer to one that is yet to come."""
    return op.get_bind().dialect.name != "sqlite"


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=32)


def _create_unique_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def _create_places() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("name", name=op.f("uq_site_name")),
    )
    op.create_table(
        "recipe",
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("analysis_version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("brought", sa.Integer(), nullable=True),
        sa.Column("out_of_reach", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_recipe")),
    )
    op.create_table(
        "location",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("interval_days", sa.Double(), nullable=False),
        sa.Column("reference_capture_id", sa.Integer(), nullable=True),
        sa.Column("mm_per_px", sa.Double(), nullable=True),
        sa.Column("mm_per_px_standard_error", sa.Double(), nullable=True),
        sa.Column("scale_origin", _words("scaleorigin", "typed", "two_points", "marker"), nullable=True),
        sa.Column("fingerprint", sa.String(length=16), nullable=True),
        sa.Column("resumes", sa.String(length=16), nullable=True),
        sa.Column("uses_corrections", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("interval_days > 0", name=op.f("ck_location_interval")),
        sa.CheckConstraint("mm_per_px > 0", name=op.f("ck_location_scale")),
        sa.CheckConstraint("(mm_per_px IS NULL) = (scale_origin IS NULL)", name=op.f("ck_location_scale_has_origin")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_location_site_id_site")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_location_fingerprint_recipe")),
        sa.ForeignKeyConstraint(["resumes"], ["recipe.fingerprint"], name=op.f("fk_location_resumes_recipe")),
        sa.ForeignKeyConstraint(
            ["reference_capture_id"], ["capture.id"], name=op.f(REFERENCE_KEY), use_alter=_alters_constraints()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint("name", name=op.f("uq_location_name")),
    )
    op.create_index("ix_location_site_id", "location", ["site_id"])


def _create_captures() -> None:
    op.create_table(
        "capture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("captured_at", UTC_TIME, nullable=True),
        sa.Column(
            "time_source", _words("timesource", "person", "exif_offset", "exif_site_zone", "file"), nullable=True
        ),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("rejected_reason", sa.String(), nullable=True),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_capture_sha256")),
        sa.CheckConstraint(
            "rejected_reason IS NOT NULL OR (captured_at IS NOT NULL AND time_source IS NOT NULL"
            " AND height_px > 0 AND width_px > 0)",
            name=op.f("ck_capture_complete_or_rejected"),
        ),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_capture_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture")),
        sa.UniqueConstraint("sha256", name=op.f("uq_capture_sha256")),
    )
    op.create_index("ix_capture_location_id_captured_at", "capture", ["location_id", "captured_at"])
    accepted = sa.text("rejected_reason IS NULL")
    op.create_index(
        "ix_capture_accepted",
        "capture",
        ["location_id", "captured_at"],
        sqlite_where=accepted,
        postgresql_where=accepted,
    )
    if _alters_constraints():
        op.create_foreign_key(REFERENCE_KEY, "location", "capture", ["reference_capture_id"], ["id"])


def _create_circumstances() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("kind", _words("eventkind", "repair", "repaint", "new_camera", "other"), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("recorded_at", UTC_TIME, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", UTC_TIME, nullable=True),
        sa.Column("withdrawn_why", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_why IS NULL)", name=op.f("ck_event_withdrawn_has_reason")
        ),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_event_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_location_id", "event", ["location_id"])
    op.create_table(
        "temperature",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("celsius", sa.Double(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.CheckConstraint("celsius BETWEEN -60 AND 80", name=op.f("ck_temperature_celsius")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_temperature_location_id_location")),
        sa.PrimaryKeyConstraint("location_id", "at", name=op.f("pk_temperature")),
    )


def _create_readings() -> None:
    op.create_table(
        "reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("capture_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column(
            "status",
            _words("status", "measured", "no_crack", "not_measured", "not_registered", "rejected"),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("crack_probability", sa.Double(), nullable=True),
        sa.Column("crack_count", sa.Integer(), nullable=True),
        sa.Column("area_px", sa.Double(), nullable=True),
        sa.Column("max_width_px", sa.Double(), nullable=True),
        sa.Column("length_px", sa.Double(), nullable=True),
        sa.Column("area_mm2", sa.Double(), nullable=True),
        sa.Column("max_width_mm", sa.Double(), nullable=True),
        sa.Column("length_mm", sa.Double(), nullable=True),
        sa.Column("registration_accepted", sa.Boolean(), nullable=True),
        sa.Column("registration_reason", sa.String(), nullable=True),
        sa.Column("registration_matrix", sa.JSON(), nullable=True),
        sa.Column("registration_residual_px", sa.Double(), nullable=True),
        sa.Column("registration_inliers", sa.Integer(), nullable=True),
        sa.Column("registration_overlap", sa.Double(), nullable=True),
        sa.Column("registration_spread", sa.Double(), nullable=True),
        sa.Column("registration_agreement", sa.Double(), nullable=True),
        sa.Column("grade", _words("grade", "A", "B", "C"), nullable=True),
        sa.Column("grade_reasons", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("pictures", sa.JSON(), nullable=False),
        sa.Column("measured_at", UTC_TIME, nullable=False),
        sa.Column("superseded_at", UTC_TIME, nullable=True),
        sa.Column("superseded_why", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(superseded_at IS NULL) = (superseded_why IS NULL)", name=op.f("ck_reading_superseded_has_reason")
        ),
        sa.CheckConstraint(
            "status IN ('measured', 'no_crack') OR reason IS NOT NULL", name=op.f("ck_reading_failure_has_reason")
        ),
        sa.CheckConstraint(
            "status <> 'measured' OR max_width_px IS NOT NULL", name=op.f("ck_reading_measured_has_numbers")
        ),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_reading_capture_id_capture")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_reading_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading")),
    )
    op.create_index("ix_reading_fingerprint", "reading", ["fingerprint"])
    _create_unique_index("uq_reading_standing", "reading", ["capture_id", "fingerprint"], where="superseded_at IS NULL")
    op.create_table(
        "claim",
        sa.Column("capture_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=False),
        sa.Column("claimed_until", UTC_TIME, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_claim_capture_id_capture")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_claim_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("capture_id", "fingerprint", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_token", "claim", ["token"])


def _create_recipe_changes() -> None:
    op.create_table(
        "recipe_switch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("old", sa.String(length=16), nullable=False),
        sa.Column("new", sa.String(length=16), nullable=False),
        sa.Column("switched_at", UTC_TIME, nullable=False),
        sa.Column("switched_by", sa.String(), nullable=True),
        sa.CheckConstraint("old <> new", name=op.f("ck_recipe_switch_changes")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_recipe_switch_location_id_location")),
        sa.ForeignKeyConstraint(["old"], ["recipe.fingerprint"], name=op.f("fk_recipe_switch_old_recipe")),
        sa.ForeignKeyConstraint(["new"], ["recipe.fingerprint"], name=op.f("fk_recipe_switch_new_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe_switch")),
    )
    op.create_index("ix_recipe_switch_location_id", "recipe_switch", ["location_id"])
    op.create_table(
        "recipe_offset",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("old", sa.String(length=16), nullable=False),
        sa.Column("new", sa.String(length=16), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("median", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("spread", sa.Double(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_recipe_offset_location_id_location")),
        sa.ForeignKeyConstraint(["old"], ["recipe.fingerprint"], name=op.f("fk_recipe_offset_old_recipe")),
        sa.ForeignKeyConstraint(["new"], ["recipe.fingerprint"], name=op.f("fk_recipe_offset_new_recipe")),
        sa.PrimaryKeyConstraint("location_id", "old", "new", "metric", name=op.f("pk_recipe_offset")),
    )


def _create_told() -> None:
    op.create_table(
        "patch_judgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("capture_id", sa.Integer(), nullable=False),
        sa.Column("row_px", sa.Integer(), nullable=False),
        sa.Column("col_px", sa.Integer(), nullable=False),
        sa.Column("side_px", sa.Integer(), nullable=False),
        sa.Column("cracked", sa.Boolean(), nullable=False),
        sa.Column("judged_at", UTC_TIME, nullable=False),
        sa.Column("judged_by", sa.String(), nullable=True),
        sa.CheckConstraint("row_px >= 0 AND col_px >= 0 AND side_px > 0", name=op.f("ck_patch_judgement_place")),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_patch_judgement_capture_id_capture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patch_judgement")),
    )
    op.create_index("ix_patch_judgement_capture_id", "patch_judgement", ["capture_id"])
    op.create_table(
        "adaptation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("patches", sa.Integer(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.Column("head_sha256", sa.String(length=64), nullable=True),
        sa.Column("made_at", UTC_TIME, nullable=False),
        sa.Column("made_by", sa.String(), nullable=True),
        sa.Column("undone_at", UTC_TIME, nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "undone_at IS NULL OR head_sha256 IS NOT NULL", name=op.f("ck_adaptation_only_kept_is_undone")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_adaptation_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adaptation")),
    )
    op.create_index("ix_adaptation_site_id", "adaptation", ["site_id"])
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("reference_capture_id", sa.Integer(), nullable=False),
        sa.Column("capture_id", sa.Integer(), nullable=True),
        sa.Column("kind", _words("correctionkind", "accepted", "rejected", "marked"), nullable=False),
        sa.Column("crack", sa.String(), nullable=False),
        sa.Column("course", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("recorded_at", UTC_TIME, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_correction_location_id_location")),
        sa.ForeignKeyConstraint(
            ["reference_capture_id"], ["capture.id"], name=op.f("fk_correction_reference_capture_id_capture")
        ),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_correction_capture_id_capture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_location_id", "correction", ["location_id"])
    op.create_table(
        "corrected_severity",
        sa.Column("reading_id", sa.Integer(), nullable=False),
        sa.Column("crack_count", sa.Integer(), nullable=False),
        sa.Column("area_px", sa.Double(), nullable=False),
        sa.Column("max_width_px", sa.Double(), nullable=False),
        sa.Column("length_px", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_corrected_severity_reading_id_reading")),
        sa.PrimaryKeyConstraint("reading_id", name=op.f("pk_corrected_severity")),
    )
    op.create_table(
        "gauge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("crack", sa.String(), nullable=False),
        sa.Column("course", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("width_mm", sa.Double(), nullable=False),
        sa.Column("standard_error_mm", sa.Double(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("recorded_at", UTC_TIME, nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=True),
        sa.Column("withdrawn_at", UTC_TIME, nullable=True),
        sa.Column("withdrawn_why", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_why IS NULL)", name=op.f("ck_gauge_withdrawn_has_reason")
        ),
        sa.CheckConstraint("width_mm >= 0 AND standard_error_mm >= 0", name=op.f("ck_gauge_width")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_gauge_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gauge")),
    )
    op.create_index("ix_gauge_location_id", "gauge", ["location_id"])


def _create_growth_fits() -> None:
    op.create_table(
        "growth_fit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("crack", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("slope_per_year", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("intercept", sa.Double(), nullable=True),
        sa.Column("r", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("origin", UTC_TIME, nullable=True),
        sa.Column("span_days", sa.Double(), nullable=True),
        sa.Column("smallest_detectable_per_year", sa.Double(), nullable=True),
        sa.Column("season_cos", sa.Double(), nullable=True),
        sa.Column("season_sin", sa.Double(), nullable=True),
        sa.Column("fitted_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_growth_fit_location_id_location")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_growth_fit_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_growth_fit")),
        sa.UniqueConstraint(
            "location_id",
            "fingerprint",
            "crack",
            "metric",
            "method",
            name=op.f("uq_growth_fit_location_id_fingerprint_crack_metric_method"),
        ),
    )


def _create_cracks() -> None:
    op.create_table(
        "following",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("followed_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_following_location_id_location")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_following_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("location_id", "fingerprint", name=op.f("pk_following")),
    )
    op.create_table(
        "crack",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_capture_id", sa.Integer(), nullable=False),
        sa.Column("widest_stations", sa.JSON(), nullable=False),
        sa.Column("course", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_crack_location_id_location")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_crack_fingerprint_recipe")),
        sa.ForeignKeyConstraint(["first_capture_id"], ["capture.id"], name=op.f("fk_crack_first_capture_id_capture")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_crack_correction_id_correction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crack")),
        sa.UniqueConstraint("location_id", "fingerprint", "name", name=op.f("uq_crack_location_id_fingerprint_name")),
    )
    states = ("not_yet", "new", "continued", "merged", "branched", "gone_dark", "not_shown")
    op.create_table(
        "crack_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("crack_id", sa.Integer(), nullable=False),
        sa.Column("capture_id", sa.Integer(), nullable=False),
        sa.Column("state", _words("crackstate", *states), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("opening_px", sa.Double(), nullable=True),
        sa.Column("opening_error_px", sa.Double(), nullable=True),
        sa.Column("change_px", sa.Double(), nullable=True),
        sa.Column("change_error_px", sa.Double(), nullable=True),
        sa.Column("widest_px", sa.Double(), nullable=True),
        sa.Column("widest_error_px", sa.Double(), nullable=True),
        sa.Column("shared_error_px", sa.Double(), nullable=True),
        sa.Column("lips_px", sa.Double(), nullable=True),
        sa.Column("lips_error_px", sa.Double(), nullable=True),
        sa.Column("shear_px", sa.Double(), nullable=True),
        sa.Column("agree", sa.Boolean(), nullable=True),
        sa.Column("length_px", sa.Double(), nullable=True),
        sa.Column("area_px", sa.Double(), nullable=True),
        sa.Column("first_tip_px", sa.Double(), nullable=True),
        sa.Column("second_tip_px", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "(opening_px IS NULL) = (widest_px IS NULL)", name=op.f("ck_crack_reading_measured_together")
        ),
        sa.ForeignKeyConstraint(["crack_id"], ["crack.id"], name=op.f("fk_crack_reading_crack_id_crack")),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_crack_reading_capture_id_capture")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crack_reading")),
        sa.UniqueConstraint("crack_id", "capture_id", name=op.f("uq_crack_reading_crack_id_capture_id")),
    )
    op.create_index("ix_crack_reading_capture_id", "crack_reading", ["capture_id"])


def _create_site_trials() -> None:
    op.create_table(
        "site_trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("simulated_at", UTC_TIME, nullable=False),
        sa.Column("captures", sa.Integer(), nullable=False),
        sa.Column("interval_days", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("true_per_year", sa.Double(), nullable=False),
        sa.Column("measured_per_year", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("reading_error_px", sa.Double(), nullable=True),
        sa.Column("alarm_after_days", sa.Double(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_site_trial_location_id_location")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_site_trial_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_trial")),
    )
    op.create_index("ix_site_trial_location_id", "site_trial", ["location_id"])


def _create_verdicts() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("crack", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("months_needed", sa.Double(), nullable=True),
        sa.Column("rate_per_year", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("season_adjusted", sa.Boolean(), nullable=True),
        sa.Column("smallest_detectable_per_year", sa.Double(), nullable=True),
        sa.Column("remarks", sa.JSON(), nullable=False),
        sa.Column("judged_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("low <= rate_per_year AND rate_per_year <= high", name=op.f("ck_verdict_rate_in_interval")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_verdict_location_id_location")),
        sa.ForeignKeyConstraint(["fingerprint"], ["recipe.fingerprint"], name=op.f("fk_verdict_fingerprint_recipe")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint(
            "location_id",
            "fingerprint",
            "crack",
            "metric",
            name=op.f("uq_verdict_location_id_fingerprint_crack_metric"),
        ),
    )


def _create_rules() -> None:
    op.create_table(
        "rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("kind", _words("rulekind", "level", "rate", "change"), nullable=False),
        sa.Column("fire", sa.Double(), nullable=False),
        sa.Column("clear", sa.Double(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("valid_from", UTC_TIME, nullable=False),
        sa.Column("valid_to", UTC_TIME, nullable=True),
        sa.CheckConstraint("clear <= fire", name=op.f("ck_rule_clear_below_fire")),
        sa.CheckConstraint("readings >= 1", name=op.f("ck_rule_readings")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_rule_validity")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_rule_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule")),
    )
    _create_unique_index("uq_rule_in_force", "rule", ["location_id", "metric", "kind"], where="valid_to IS NULL")


def _create_trigger_plans() -> None:
    op.create_table(
        "trigger_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", UTC_TIME, nullable=False),
        sa.Column("recorded_at", UTC_TIME, nullable=False),
        sa.Column("agreed_by", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_trigger_plan_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_plan")),
        sa.UniqueConstraint("location_id", "valid_from", name=op.f("uq_trigger_plan_location_id_valid_from")),
    )
    op.create_table(
        "trigger_stand",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("crack", sa.String(), nullable=False),
        sa.Column("level", _words("triggerlevel", "green", "amber", "red"), nullable=False),
        sa.Column("since", UTC_TIME, nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=True),
        sa.Column("newest_at", UTC_TIME, nullable=True),
        sa.Column("judged_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_trigger_stand_location_id_location")),
        sa.ForeignKeyConstraint(["plan_id"], ["trigger_plan.id"], name=op.f("fk_trigger_stand_plan_id_trigger_plan")),
        sa.PrimaryKeyConstraint("location_id", "crack", name=op.f("pk_trigger_stand")),
    )
    op.create_table(
        "watched",
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("judged_at", UTC_TIME, nullable=False),
        sa.Column("newest_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_watched_location_id_location")),
        sa.PrimaryKeyConstraint("location_id", name=op.f("pk_watched")),
    )


def _create_transitions() -> None:
    states = ("ok", "firing", "stale", "amber", "red")
    op.create_table(
        "transition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("old", _words("old", *states), nullable=False),
        sa.Column("new", _words("new", *states), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.CheckConstraint("old <> new", name=op.f("ck_transition_changes")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_transition_location_id_location")),
        sa.ForeignKeyConstraint(["rule_id"], ["rule.id"], name=op.f("fk_transition_rule_id_rule")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition")),
    )
    op.create_index("ix_transition_location_id_subject", "transition", ["location_id", "subject"])
    op.create_table(
        "alert_action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transition_id", sa.Integer(), nullable=False),
        sa.Column("kind", _words("alertaction", "acknowledged", "assigned", "commented", "closed"), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(assignee IS NULL) = (kind <> 'assigned')", name=op.f("ck_alert_action_assigned_to_somebody")
        ),
        sa.ForeignKeyConstraint(
            ["transition_id"], ["transition.id"], name=op.f("fk_alert_action_transition_id_transition")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_action")),
    )
    op.create_index("ix_alert_action_transition_id", "alert_action", ["transition_id"])
    once = "kind IN ('acknowledged', 'closed')"
    _create_unique_index("uq_alert_action_once", "alert_action", ["transition_id", "kind"], where=once)
    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transition_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", _words("messagekind", "change", "reminder", "escalation"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", UTC_TIME, nullable=True),
        sa.Column("sent_at", UTC_TIME, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UTC_TIME, nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transition_id"], ["transition.id"], name=op.f("fk_notification_transition_id_transition")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint(
            "transition_id",
            "channel",
            "kind",
            "number",
            name=op.f("uq_notification_transition_id_channel_kind_number"),
        ),
    )
    op.create_index("ix_notification_next_attempt_at", "notification", ["next_attempt_at"])


def _create_filings() -> None:
    op.create_table(
        "filing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("capture_id", sa.Integer(), nullable=False),
        sa.Column("from_location_id", sa.Integer(), nullable=False),
        sa.Column("to_location_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("by", sa.String(), nullable=True),
        sa.CheckConstraint("length(why) > 0", name=op.f("ck_filing_has_reason")),
        sa.ForeignKeyConstraint(["capture_id"], ["capture.id"], name=op.f("fk_filing_capture_id_capture")),
        sa.ForeignKeyConstraint(
            ["from_location_id"], ["location.id"], name=op.f("fk_filing_from_location_id_location")
        ),
        sa.ForeignKeyConstraint(["to_location_id"], ["location.id"], name=op.f("fk_filing_to_location_id_location")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filing")),
    )
    op.create_index("ix_filing_capture_id", "filing", ["capture_id"])


def _create_access() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("role", _words("role", *ROLES), nullable=False),
        sa.Column("added_at", UTC_TIME, nullable=False),
        sa.Column("removed_at", UTC_TIME, nullable=True),
        sa.Column("password_set_at", UTC_TIME, nullable=True),
        sa.CheckConstraint("length(key) > 0", name=op.f("ck_account_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("key", name=op.f("uq_account_key")),
    )
    op.create_table(
        "site_role",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("role", _words("role", *ROLES), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_site_role_account_id_account")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_role_site_id_site")),
        sa.PrimaryKeyConstraint("account_id", "site_id", name=op.f("pk_site_role")),
    )
    op.create_table(
        "password",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_password_account_id_account")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_password")),
    )
    op.create_table(
        "login",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("begun_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_account_id_account")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_login")),
    )
    op.create_index("ix_login_account_id", "login", ["account_id"])
    op.create_table(
        "login_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_at", "login_attempt", ["at"])
    op.create_index("ix_login_attempt_key", "login_attempt", ["key"])


def _create_tokens() -> None:
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", _words("scope", "read", "push", "metrics"), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("revoked_at", UTC_TIME, nullable=True),
        sa.Column("revoked_by", sa.String(), nullable=True),
        sa.CheckConstraint("(site_id IS NULL) = (scope = 'metrics')", name=op.f("ck_token_of_a_site")),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_token_revoked_by_somebody")),
        sa.CheckConstraint("length(name) > 0", name=op.f("ck_token_named")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_token_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
    )
    op.create_index("ix_token_site_id", "token", ["site_id"])
    op.create_table(
        "token_secret",
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("used_at", UTC_TIME, nullable=True),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_token_secret_sha256")),
        sa.ForeignKeyConstraint(["token_id"], ["token.id"], name=op.f("fk_token_secret_token_id_token")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_token_secret")),
        sa.UniqueConstraint("sha256", name=op.f("uq_token_secret_sha256")),
    )


def _create_signs_of_life() -> None:
    op.create_table(
        "sighting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("scans", sa.Integer(), nullable=False),
        sa.Column("counted_at", UTC_TIME, nullable=False),
        sa.Column("seen_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sighting")),
        sa.UniqueConstraint("path", name=op.f("uq_sighting_path")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("held_until", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "fetched",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("fetched_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("source", "path", name=op.f("pk_fetched")),
    )


def _create_audit_trail() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("changes", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_audit_entry_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("sha256", name=op.f("uq_audit_entry_sha256")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON audit_entry "
            "FOR EACH ROW EXECUTE FUNCTION audit_entry_stays()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_entry_no_{verb.lower()} BEFORE {verb} ON audit_entry "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
