import { onWillStart, onWillUpdateProps, useState } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

/** The list of what waits for KSeF, under the server's forecast in words. */
export class KsefQueueRenderer extends ListRenderer {
    static template = "l10n_pl_ksef.QueueRenderer";

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.forecast = useState({ sentences: [] });
        const ask = async () => {
            this.forecast.sentences = await this.orm.call("l10n_pl_ksef.document", "forecast", []);
        };
        onWillStart(ask);
        onWillUpdateProps(ask);
    }
}

registry.category("views").add("l10n_pl_ksef_queue", {
    ...listView,
    Renderer: KsefQueueRenderer,
});
