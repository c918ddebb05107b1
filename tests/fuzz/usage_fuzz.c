/* usage_fuzz - a body of usage events is refused whole with a sentence, or each event has its answer or its data. */
#include "charge/usage.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tg_usage_batch *batch = NULL;
    struct tg_err err = {0};
    if (tg_usage_parse((const char *)bytes, len, &batch, &err) != 0) {
        assert(batch == NULL && err.code == TG_ERR_INPUT && err.text[0] != '\0');
        return 0;
    }
    assert(tg_usage_batch_n(batch) <= TG_USAGE_EVENTS_MAX);
    for (size_t i = 0; i < tg_usage_batch_n(batch); i++) {
        const struct tg_usage_event *event = tg_usage_batch_event(batch, i);
        if (event->outcome == TG_USAGE_REJECTED)
            assert(event->reason != NULL && event->detail != NULL && event->pointer != NULL);
        else
            assert(event->outcome == TG_USAGE_PENDING && event->event_id[0] != '\0' && event->source[0] != '\0' &&
                   event->meter[0] != '\0' && event->properties[event->properties_len - 1] == '}');
    }
    tg_usage_batch_free(&batch);
    assert(batch == NULL);
    return 0;
}
