import { showProductColumn } from "@account/js/tours/tour_utils";
import { registry } from "@web/core/registry";

const field = (name) => `.o_field_widget[name=${name}]`;
const invoiceIs = (state) => `.o_arrow_button_current[data-value=${state}]`;

/** Steps that write into a many2one and choose the suggestion with that text. */
function choose(where, text) {
    return [
        {
            content: `Look for ${text}`,
            trigger: `${where} input`,
            run: `edit ${text}`,
        },
        {
            content: `Choose ${text}`,
            trigger: `.o-autocomplete--dropdown-item a:contains("${text}")`,
            run: "click",
        },
    ];
}

function click(content, trigger) {
    return { content, trigger, run: "click" };
}

/** An accountant makes an invoice and presses Send; number, badge and UPO are there. */
registry.category("web_tour.tours").add("l10n_pl_ksef_send", {
    url: "/odoo/customer-invoices/new",
    steps: () => [
        ...choose(field("partner_id"), "F.H.U. Jan Kowalski"),
        click("Add a line", "[name=invoice_line_ids] .o_field_x2many_list_row_add a"),
        ...showProductColumn(),
        ...choose("[name=invoice_line_ids] [name=product_id]", "Konsultacje KSeF"),
        {
            content: "The line has its tax",
            trigger: "[name=invoice_line_ids] [name=tax_ids]:contains(23%)",
        },
        click("Confirm", "button[name=action_post]"),
        {
            content: "Posted, and KSeF waits for it",
            trigger: `body:has(${invoiceIs("posted")}) ${field("l10n_pl_ksef_state")}:contains(To send)`,
        },
        click("Open Send", "button[name=action_invoice_sent]"),
        {
            content: "KSeF is ticked without being asked for",
            trigger: `.modal ${field("extra_edi_checkboxes")} .form-check:contains(by KSeF) input:checked`,
        },
        {
            content: "Nothing stands against it",
            trigger: `.modal:not(:has(${field("alerts")} .alert-danger))`,
        },
        click("Send", ".modal button[name=action_send_and_print]:enabled"),
        {
            content: "Accepted",
            trigger: `body:not(:has(.modal)) ${field("l10n_pl_ksef_state")}:contains(Accepted)`,
        },
        {
            content: "It has a number of the seller's",
            trigger: `${field("l10n_pl_ksef_number")}:contains(5265877635-)`,
        },
        click("Open the tab KSeF", ".o_notebook a[name=l10n_pl_ksef]"),
        {
            content: "The UPO can be downloaded",
            trigger: `${field("l10n_pl_ksef_document_ids")} [name=upo_file]:contains(UPO.xml)`,
        },
        {
            content: "It cannot be reset to draft any more",
            trigger: "body:not(:has(button[name=button_draft]:visible))",
        },
    ],
});

/** An accountant learns in the Send dialog what is wrong, and follows its link. */
registry.category("web_tour.tours").add("l10n_pl_ksef_alert", {
    steps: () => [
        click("Open Send", "button[name=action_invoice_sent]"),
        {
            content: "The buyer's NIP is named",
            trigger: `.modal ${field("alerts")} .alert-danger:contains(NIP)`,
        },
        click("Follow the link", `.modal ${field("alerts")} .alert-danger a`),
        {
            content: "Back at the invoice, still to be sent",
            trigger: `body:not(:has(.modal)) ${field("l10n_pl_ksef_state")}:contains(To send)`,
        },
    ],
});

/** A KSeF administrator chooses environment and certificate, and connects. */
registry.category("web_tour.tours").add("l10n_pl_ksef_settings", {
    url: "/odoo/action-account.action_account_config",
    steps: () => [
        click("Open the environments", `#l10n_pl_ksef ${field("l10n_pl_ksef_environment")} input`),
        click("Choose the simulator", ".o_select_menu_item:contains(Simulator)"),
        {
            content: "No legal effect is said",
            trigger: "#l10n_pl_ksef .alert-warning:contains(legal effect)",
        },
        ...choose(
            `#l10n_pl_ksef ${field("l10n_pl_ksef_auth_certificate_id")}`,
            "KSeF login of the tour"
        ),
        { ...click("Save", "button.o_form_button_save"), expectUnloadPage: true },
        {
            content: "Saved, not connected yet",
            trigger: `#l10n_pl_ksef ${field("l10n_pl_ksef_connection_state")}:contains(Not connected)`,
        },
        click("Connect", "#l10n_pl_ksef button[name=action_l10n_pl_ksef_connect]"),
        {
            content: "Connected",
            trigger: `#l10n_pl_ksef ${field("l10n_pl_ksef_connection_state")}:contains(/^Connected$/)`,
        },
        {
            content: "Nothing is missing",
            trigger: `#l10n_pl_ksef ${field("l10n_pl_ksef_connection_message")}:contains(nothing is missing)`,
        },
    ],
});
