"""Each row of the requirements has a test that fails where the behaviour is absent.

Sections 2 to 7: what must be refused, with the stated code. Sections 8 to 14: what must be shown.
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
    "2 unknown operation": ["test_auth: test_operation_that_is_not_known"],
    "2 redeem and refresh": [
        "test_auth: test_redeem_refresh_and_logout",
        "test_auth: test_token_revoked_after_the_login",
        "test_auth: test_tokens_of_another_instance",
    ],
    "2 rights of others": ["test_testdata: test_others_rights_are_nobodys_business"],
    "8 schema and suffix": ["test_upo: test_only_production_passes_the_schema"],
    "8 signature": ["test_pipeline: test_signed_upo"],
    "8 pages": ["test_batch: test_upo_pages"],
    "8 links": [
        "test_upo: test_links_are_new_each_time_and_last_three_days",
        "test_upo: test_links_need_every_part",
        "test_pipeline: test_upo",
    ],
    "9 filters, order, pages, cap": [
        "test_query: test_filters",
        "test_query: test_refused_filters",
        "test_query: test_three_months_by_the_calendar",
        "test_query: test_order_pages_and_cap",
        "test_query: test_currencies_by_version",
    ],
    "9 high water mark": [
        "test_query: test_high_water_mark",
        "test_query: test_export_beyond_the_high_water_mark",
    ],
    "9 visibility": ["test_query: test_the_buyer_sees_only_what_is_his"],
    "9 export": [
        "test_query: test_export",
        "test_query: test_export_with_a_wrong_key",
        "test_query: test_ten_exports_at_once",
        "test_query: test_links_packages_and_statuses_expire",
    ],
    "9 export of a part of a firm": ["test_negative: test_export_of_a_unit"],
    "10 outage": [
        "test_faults: test_outage_refuses_connections",
        "test_scenarios: test_outage_ends_by_the_clock",
        "test_scenarios: test_closed_door_refuses",
    ],
    "10 hang and slowness": [
        "test_faults: test_hang_outlasts_the_client",
        "test_faults: test_slow_answers",
        "test_scenarios: test_connection_that_is_taken_and_never_answered",
    ],
    "10 lost answers": [
        "test_faults: test_reset_loses_the_answer",
        "test_faults: test_any_operation_can_fail",
    ],
    "10 truncated, HTML, empty": [
        "test_faults: test_truncated_cut_and_empty_answers",
        "test_scenarios: test_pages_of_a_gateway",
    ],
    "10 500 before and after": ["test_faults: test_500_before_and_after_acceptance"],
    "10 429": [
        "test_faults: test_status_with_body_and_headers",
        "test_faults: test_fields_left_out_and_headers_changed",
        "test_limits: test_blocks_grow_and_calls_within_make_them_longer",
    ],
    "10 sliding windows": [
        "test_limits: test_second_minute_and_hour_slide",
        "test_limits: test_contexts_groups_and_other_operations_count_apart",
    ],
    "10 401, 403, 410": ["test_faults: test_refusals_in_both_formats"],
    "10 authentication that takes long": ["test_faults: test_authentication_that_takes_long"],
    "10 stuck invoices": [
        "test_faults: test_stuck_invoice",
        "test_faults: test_stuck_invoice_of_a_batch",
    ],
    "10 keys": [
        "test_keys: test_planned_rotation_overlaps",
        "test_keys: test_recertification_keeps_the_key",
        "test_keys: test_future_key_is_listed_but_not_taken",
    ],
    "10 21184": [
        "test_faults: test_session_that_takes_nothing_more",
        "test_faults: test_session_that_takes_nothing_more_came_with_2_8",
    ],
    "10 21173 for a moment": ["test_faults: test_batch_unknown_for_a_moment"],
    "10 one of many": ["test_faults: test_one_of_many_fails"],
    "10 duplicate and its original": [
        "test_pipeline: test_duplicate",
        "test_faults: test_wrong_session_of_the_original",
    ],
    "10 storage": ["test_pipeline: test_download_and_metadata", "test_pipeline: test_upo"],
    "10 midnight": ["test_pipeline: test_midnight_between_opening_and_sending"],
    "10 warnings": [
        "test_faults: test_warnings",
        "test_profile: test_what_production_only_warns_of",
    ],
    "10 beacon": [
        "test_latarnia: test_oddities",
        "test_scenarios: test_beacon_is_down_and_ksef_is_not",
        "test_scenarios: test_failure_becomes_a_total_one_under_its_own_number",
        "test_scenarios: test_end_that_is_announced_late",
        "test_profile: test_demo_has_neither_beacon_nor_test_data",
    ],
    "11 first code": [
        "test_qr: test_official_invoice_link",
        "test_pipeline: test_verification_page",
        "test_mutations: test_every_character_of_the_first_code",
    ],
    "11 second code": [
        "test_qr: test_good_code",
        "test_qr: test_signature_is_bound_to_every_part",
        "test_qr: test_certificate_is_judged_when_scanned",
        "test_qr: test_permission_and_seller",
        "test_qr: test_malformed_address",
        "test_qr: test_no_look_at_the_invoice",
        "test_relations: test_second_code_of_a_unit",
        "test_mutations: test_every_character_of_the_second_code",
    ],
    "11 beacon": [
        "test_latarnia: test_maintenance_is_announced_before_it_begins",
        "test_latarnia: test_messages_are_kept_for_thirty_days",
        "test_latarnia: test_correction_raises_the_version",
    ],
    "13 state, log, clock": [
        "test_state: test_everything_survives_a_restart",
        "test_state: test_kill_keeps_the_log_and_the_limits",
        "test_journal: test_only_the_latest_are_kept",
        "test_faults: test_log_holds_no_secret",
        "test_profile: test_seed_repeats_the_numbers",
    ],
    "13 loopback only": ["test_faults: test_only_loopback_is_served"],
    "14 vectors": [
        "test_qr: test_official_link",
        "test_qr: test_own_ec_vector",
        "test_qr: test_checksum_of_ksef_numbers",
        "test_certificates: test_official_request_is_read",
    ],
    "14 contract": [
        "test_contract: test_every_operation_is_served",
        "test_contract: test_every_code_is_known",
        "test_contract: test_a_simulator_tells_what_breaks_its_contract",
    ],
    "14 witness": [
        "test_witness: test_interactive_session",
        "test_witness: test_login_with_a_token",
        "test_witness: test_batch_session",
        "test_witness: test_query_and_export",
        "test_witness: test_certificates_and_both_codes",
    ],
    "14 leak check": ["test_profile: test_leak_check_strews_unknown_properties"],
    "14 size": ["test_large_batch: test_ten_thousand_invoices"],
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
