import { registry } from "@web/core/registry";

const field = (name) => `.o_field_widget[name=${name}]`;

function click(content, trigger) {
    return { content, trigger, run: "click" };
}

function see(content, trigger) {
    return { content, trigger };
}

/** The switch to OFFLINE with its reason, the forecast of the queue, and the way back. */
registry.category("web_tour.tours").add("l10n_pl_ksef_mode", {
    steps: () => [
        see("The company is online", ".alert-success:contains(ONLINE)"),
        {
            content: "Say why",
            trigger: `${field("remark")} input`,
            run: "edit no internet",
        },
        click("Switch", "button[name=action_offline]"),
        click("Confirm", ".modal-footer .btn-primary"),
        see("Since when, by whom and why", ".alert-warning:contains(OFFLINE):contains(no internet)"),
        see("What becomes of the queue", `${field("forecast")}:contains(Waiting to be sent: 1)`),
        click("Open the queue", "button[name=action_queue]"),
        see("The forecast", ".o_l10n_pl_ksef_forecast .text-success:contains(That is safe)"),
        see("The invoice that waits", ".o_data_row .o_field_badge:contains(Queued)"),
        click("Back to the mode", ".o_back_button, .breadcrumb-item a"),
        click("Switch back", "button[name=action_online]"),
        click("Confirm", ".modal-footer .btn-primary"),
        see("Online again", ".alert-success:contains(ONLINE)"),
        see("The history is kept", `${field("history_ids")} .o_data_row:contains(no internet)`),
    ],
});

/** From a rejected offline invoice over the comparison to its technical correction. */
registry.category("web_tour.tours").add("l10n_pl_ksef_technical", {
    steps: () => [
        click("Technical correction", "button[name=action_l10n_pl_ksef_technical_correction]"),
        see("The field that differs", ".modal .o_data_row:contains(AdresL1):contains(ul. Polna 2)"),
        click("The invoice stays the same", `.modal ${field("confirmed")} input`),
        click("Send it", ".modal button[name=action_correct]:enabled"),
        see("Queued", `body:not(:has(.modal)) ${field("l10n_pl_ksef_state")}:contains(Queued)`),
    ],
});
