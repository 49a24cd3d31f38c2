"""Each row of what must be enforced (sections 2 to 7 and 9 of the requirements) has its refusal.

The table says which test shows it with the stated code.
"""

from __future__ import annotations

import ast
from pathlib import Path

#: row -> tests as ``file: test``
ROWS = {
    "2 order of the global checks": ["test_sending: test_order_of_global_checks"],
    "2 429 before 401": ["test_limits: test_429_comes_before_401"],
    "2 unreadable body": [
        "test_negative: test_unreadable_bodies",
        "test_negative: test_bodies_of_another_shape",
        "test_negative: test_misspelt_properties",
    ],
    "3.1 content type, encoding, DTD": ["test_auth: test_encoding_and_dtd"],
    "3.2 schema": [
        "test_auth: test_changed_document",
        "test_negative: test_valid_signature_of_a_wrong_document",
    ],
    "3.3 one signature": ["test_auth: test_changed_document"],
    "3.4 enveloped or enveloping": [
        "test_negative: test_detached_signature",
        "test_signature_forms: test_enveloping_refusals",
        "test_signature_forms: test_object_that_is_not_signed",
    ],
    "3.5 algorithms and lengths of keys": [
        "test_negative: test_weak_keys",
        "test_negative: test_foreign_algorithms",
        "test_signature_forms: test_transforms_that_are_refused",
    ],
    "3.6 digests": ["test_auth: test_changed_document", "test_mutations: test_signed_document"],
    "3.7 signature value": ["test_auth: test_der_signature_value_is_refused"],
    "3.8 signed properties": [
        "test_negative: test_wrong_properties",
        "test_signature_forms: test_wrong_issuer_serial",
        "test_signature_forms: test_signed_key_info_holds_one_certificate",
    ],
    "3.9 certificate": [
        "test_auth: test_offline_certificate_is_refused",
        "test_auth: test_expired_and_contradictory_certificates",
        "test_profile: test_self_signed_certificates",
        "test_negative: test_wrong_key_usage",
    ],
    "3.10 challenge": ["test_auth: test_challenge_is_ours_fresh_and_single_use"],
    "3.11 identifier": ["test_negative: test_wrong_subjects"],
    "3.12 permission": ["test_auth: test_stranger_has_no_rights"],
    "3.13 blocked, revoked, deceased": [
        "test_testdata: test_blocked_context",
        "test_auth: test_revoked_certificate",
        "test_negative: test_deceased_person",
    ],
    "3.14 policy of addresses": ["test_negative: test_policy_of_addresses"],
    "4 token": ["test_auth: test_ksef_token", "test_profile: test_tokens_end_with_the_year"],
    "5 open": [
        "test_forms: test_forms",
        "test_sending: test_open_refuses",
        "test_sending: test_key_for_the_other_usage_shows_up_later",
        "test_keys: test_emergency_rotation_refuses_the_old_key",
    ],
    "5 send": [
        "test_sending: test_send_refuses",
        "test_sending: test_other_context_does_not_see_the_session",
        "test_sending: test_limit_of_invoices",
        "test_sending: test_expired_session",
        "test_pipeline: test_technical_correction",
    ],
    "5 IV": ["test_pipeline: test_bad_encryption"],
    "5 plain hash and size": ["test_pipeline: test_declared_plain_hash_must_be_true"],
    "5 end after twelve hours": ["test_negative: test_end_after_twelve_hours"],
    "5 close": [
        "test_sending: test_closing",
        "test_sending: test_closing_empty_and_without_success",
    ],
    "5.1 key": ["test_sending: test_key_for_the_other_usage_shows_up_later"],
    "5.1 decryption": ["test_pipeline: test_bad_encryption"],
    "5.1 file": [
        "test_pipeline: test_bad_file",
        "test_profile: test_what_production_only_warns_of",
    ],
    "5.1 size": ["test_pipeline: test_too_big", "test_testdata: test_lowered_limits_are_enforced"],
    "5.1 schema": ["test_pipeline: test_bad_file"],
    "5.1 attachment": [
        "test_negative: test_attachment_in_a_session",
        "test_batch: test_attachments_need_the_right",
    ],
    "5.1 checksums": ["test_pipeline: test_checksums_only_on_demand"],
    "5.1 date of issue": [
        "test_pipeline: test_dates",
        "test_pipeline: test_day_is_counted_in_poland",
    ],
    "5.1 seller": [
        "test_pipeline: test_foreign_seller",
        "test_relations: test_the_invoice_must_name_the_unit_as_issuer",
        "test_relations: test_nobody_else_issues",
    ],
    "5.1 right to write": [
        "test_sending: test_token_without_the_right_is_forbidden",
        "test_pipeline: test_rights_lost_meanwhile",
    ],
    "5.1 duplicate": [
        "test_pipeline: test_duplicate",
        "test_negative: test_duplicates_of_ten_years",
    ],
    "5.1 two copies": ["test_pipeline: test_first_to_finish_wins"],
    "6 open": [
        "test_batch: test_open_refuses_the_file",
        "test_batch: test_open_refuses_a_part",
        "test_batch: test_open_refuses_too_many_parts_and_other_forms",
    ],
    "6 upload": [
        "test_batch: test_upload_link_wants_no_token",
        "test_batch: test_upload_wants_every_header_and_the_signature",
        "test_batch: test_upload_window",
    ],
    "6 close": [
        "test_batch: test_close_wants_all_parts_in_their_size",
        "test_batch: test_close_twice_and_of_strangers",
        "test_batch: test_upload_window",
        "test_batch: test_wrong_hashes_end_in_405",
    ],
    "6 processing": [
        "test_batch: test_wrong_key_ends_in_415",
        "test_batch: test_other_key_and_prefixed_iv_end_in_435",
        "test_batch: test_bad_archives",
        "test_batch: test_repeated_name",
        "test_batch: test_one_bad_file_rejects_only_itself",
        "test_negative: test_no_technical_correction_in_a_batch",
    ],
    "6 result": ["test_batch: test_no_valid_invoice"],
    "7 token": ["test_certificates: test_token_may_not_enrol_or_revoke"],
    "7 request": [
        "test_certificates: test_broken_requests",
        "test_certificates: test_hash_outside_the_list",
        "test_mutations: test_every_byte_of_a_certificate_request",
    ],
    "7 key": ["test_certificates: test_key_kinds"],
    "7 subject": ["test_certificates: test_subject_must_repeat_the_data"],
    "7 limits": [
        "test_certificates: test_limits_per_kind_of_identifier",
        "test_certificates: test_enrolment_limit_is_a_rolling_window",
        "test_certificates: test_held_limit_at_the_moment_of_issue",
    ],
    "7 name and type": ["test_certificates: test_bad_fields"],
    "7 key of another": ["test_certificates: test_key_of_another_subject"],
    "7 status": [
        "test_certificates: test_issue_is_asynchronous",
        "test_certificates: test_references_belong_to_their_subject",
    ],
    "7 retrieve": ["test_certificates: test_retrieve"],
    "7 revoke": ["test_certificates: test_revocation"],
    "7 usage": ["test_certificates: test_offline_certificate_never_authenticates"],
    "9 export of a part of a firm": ["test_negative: test_export_of_a_unit"],
}


def test_every_row_has_its_test() -> None:
    here = Path(__file__)
    names: dict[str, set[str]] = {}
    for tests in ROWS.values():
        for test in tests:
            module, _colon, name = test.rpartition(": ")
            path = here.with_name(f"{module}.py")
            if path.name not in names:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
                names[path.name] = {function.name for function in functions}
            assert name in names[path.name], test
