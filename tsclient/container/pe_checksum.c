/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CheckSum field of a PE file, as imagehlp computes it: 16-bit words added with end-around carry, then the length. It proves
 * nothing; boot loaders and the kernel want it right all the same.
 */
#include "tsclient/container/pe.h"

#include "tsclient/container/pe_layout.h"

struct sum {
    uint64_t total;
    bool odd; /* the next octet is the upper one of its word */
};

static void sum_add(struct sum *sum, struct bytes b)
{
    size_t i = 0;

    if (sum->odd && b.len > 0) {
        sum->total += (uint64_t)b.data[i++] << 8;
        sum->odd = false;
    }
    for (; i + 1 < b.len; i += 2) {
        sum->total += pe_get16(b, i);
    }
    if (i < b.len) {
        sum->total += b.data[i];
        sum->odd = true;
    }
}

static uint32_t sum_end(const struct sum *sum, uint64_t file_len)
{
    uint64_t total = sum->total;

    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint32_t)(total + file_len);
}

/* The checksum of the file as it will be: its own four octets count as zero, so they are left out. */
uint32_t pe_checksum_edited(struct bytes file, const struct pe *pe, const struct edits *e)
{
    struct sum sum = {0};
    size_t at = pe->checksum_at + 4;
    uint64_t len = file.len;

    sum_add(&sum, bytes_of(file.data, pe->checksum_at));
    for (size_t i = 0; i < e->num; i++) {
        const struct edit *edit = &e->list[i];

        sum_add(&sum, bytes_of(file.data + at, (size_t)edit->at - at));
        sum_add(&sum, edit->insert);
        at = (size_t)(edit->at + edit->remove);
        len += edit->insert.len - edit->remove;
    }
    sum_add(&sum, bytes_of(file.data + at, file.len - at));
    return sum_end(&sum, len);
}

uint32_t pe_checksum(struct bytes file)
{
    const struct edits none = {0};
    struct pe pe = {0};

    return pe_read_headers(file, &pe) ? 0 : pe_checksum_edited(file, &pe, &none);
}

uint32_t pe_checksum_get(struct bytes file)
{
    struct pe pe = {0};

    return pe_read_headers(file, &pe) ? 0 : pe_get32(file, pe.checksum_at);
}
