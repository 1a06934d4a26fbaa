/* SPDX-License-Identifier: Apache-2.0 */
/* See bench.proto. */
#include "bench.stint.h"

STINT_FRAME(bench_Echo)
{
    STINT_BEGIN;
    STINT_CHANNEL_OPEN(&self->inbox, self->name, self->capacity, bench_Packet);
    for (;;) {
        STINT_RECV(self->inbox, bench_Packet, &self->packet);
        self->seen++;
        if (stint_channel_is_set(&self->packet.reply)) {
            STINT_SEND(self->packet.reply, bench_Packet, &self->packet);
        }
    }
    STINT_END;
}

STINT_FRAME(bench_Ping)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->reply, bench_Packet, self->capacity) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    self->packet.filling.size = sizeof self->packet.filling.bytes;
    for (; self->done < self->count; self->done++) {
        self->packet.number = self->done;
        self->packet.reply = self->reply;
        STINT_SEND(self->to, bench_Packet, &self->packet);
        STINT_RECV(self->reply, bench_Packet, &self->packet);
    }
    STINT_END;
}

STINT_FRAME(bench_Stream)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->reply, bench_Packet, 1) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    self->packet.filling.size = sizeof self->packet.filling.bytes;
    for (; self->done < self->count; self->done++) {
        self->packet.number = self->done;
        STINT_SEND(self->to, bench_Packet, &self->packet);
    }
    self->packet.reply = self->reply;
    STINT_SEND(self->to, bench_Packet, &self->packet);
    STINT_RECV(self->reply, bench_Packet, &self->packet);
    STINT_END;
}

STINT_FRAME(bench_Idle)
{
    STINT_BEGIN;
    if (stint_channel_new(ctx, &self->inbox, bench_Packet, 0) != STINT_OK) {
        STINT_RAISE(STINT_NO_MEMORY, "no channel");
    }
    STINT_RECV(self->inbox, bench_Packet, &self->packet);
    STINT_END;
}

STINT_MODULE(bench, "1.0.0", bench_Echo, bench_Ping, bench_Stream, bench_Idle)
