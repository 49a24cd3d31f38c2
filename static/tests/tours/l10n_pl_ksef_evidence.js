import { registry } from "@web/core/registry";
import { picture } from "@l10n_pl_ksef/../tests/tours/picture";

registry.category("web_tour.tours").add("l10n_pl_ksef_evidence", {
    steps: () => [
        { trigger: ".o_list_view .o_data_row:first-child .o_data_cell", run: "click" },
        picture("evidence_1_outage", ".o_form_view button[name=action_evidence]"),
        { trigger: "button[name=action_evidence]", run: "click" },
        picture("evidence_2_confirmation", ".o_field_widget[name=sha256]"),
        { trigger: "button[name=action_verify]", run: "click" },
        picture("evidence_3_genuine", ".modal .alert-success:visible"),
        { trigger: ".modal footer button[special=cancel]", run: "click" },
        { trigger: "body:not(:has(.modal)) button[name=action_attach]", run: "click" },
        { trigger: ".modal footer .btn-primary", run: "click" },
        { content: "it says how many", trigger: ".o_notification:contains('2')" },
        { trigger: "button[name=action_invoices]", run: "click" },
        { trigger: ".o_list_view .o_data_row:nth-child(2)" },
    ],
});
