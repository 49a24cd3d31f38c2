import { registry } from "@web/core/registry";
import { picture } from "@l10n_pl_ksef/../tests/tours/picture";

function press(name) {
    return { trigger: `.modal footer button[name=${name}]:visible`, run: "click" };
}

registry.category("web_tour.tours").add("l10n_pl_ksef_connect", {
    steps: () => [
        {
            trigger: ".modal .o_field_widget[name=environment] input[data-value=simulator]",
            run: "click",
        },
        picture("1_environment", ".modal .o_field_widget[name=environment]"),
        press("action_next"),
        { trigger: ".modal .o_field_widget[name=method] input[data-value=ksef]", run: "click" },
        picture("2_method", ".modal .o_field_widget[name=method]"),
        press("action_next"),
        {
            trigger: ".modal .o_field_widget[name=stored_certificate_id] input",
            run: "edit KSeF test",
        },
        { trigger: ".ui-autocomplete a:contains('KSeF test')", run: "click" },
        picture("3_proof", ".modal .o_field_widget[name=stored_certificate_id]"),
        press("action_test"),
        picture("4_result", ".modal [name=result] .alert-success:visible"),
        press("action_certificates"),
        picture("5_start", ".modal div[name=start]:visible"),
        press("action_generate"),
        {
            content: "both certificates are in use",
            trigger: ".modal [name=enrolment_ids] tr.o_data_row:nth-child(2) .text-bg-success",
        },
        picture("6_done", ".modal div[name=progress] .alert-success:visible"),
        { trigger: ".modal footer button[special=cancel]", run: "click" },
        { trigger: "body:not(:has(.modal))" },
    ],
});

registry.category("web_tour.tours").add("l10n_pl_ksef_no_room", {
    steps: () => [
        press("action_generate"),
        picture("7_limit", ".modal div[name=limit] .alert-warning:visible"),
        { trigger: ".modal button[name=action_wait]", run: "click" },
        picture("8_wait", ".modal div[name=wait]:visible"),
        { trigger: ".modal button[name=action_other_way]", run: "click" },
        picture("9_other_way", ".modal div[name=other_way]:visible"),
        { trigger: ".modal button[name=action_manage]", run: "click" },
        picture("10_certificates", ".o_list_view tr.o_data_row"),
        {
            trigger: ".o_list_view tr.o_data_row button[name=action_revoke]:first",
            run: "click",
        },
        { trigger: ".modal .o_field_widget[name=understood] input", run: "click" },
        picture("11_revoke", ".modal footer button[name=action_revoke]:visible"),
        press("action_revoke"),
        { trigger: "body:not(:has(.modal)) .o_list_view .text-bg-warning, body:not(:has(.modal)) .o_list_view .text-bg-danger" },
    ],
});

registry.category("web_tour.tours").add("l10n_pl_ksef_token", {
    steps: () => [
        press("action_generate"),
        picture("12_token", ".modal div[name=token]:visible"),
        press("action_connect"),
        { trigger: ".modal .o_field_widget[name=environment]" },
        press("action_next"),
        { trigger: ".modal .o_field_widget[name=method] input[data-value=external]", run: "click" },
        press("action_next"),
        picture("13_elsewhere", ".modal .o_field_widget[name=signed_file]"),
    ],
});

registry.category("web_tour.tours").add("l10n_pl_ksef_continue", {
    steps: () => [
        picture("14_rejected", ".modal [name=enrolment_ids] .text-bg-danger"),
        press("action_continue"),
        picture("15_continued", ".modal div[name=progress] .alert-success:visible"),
    ],
});
