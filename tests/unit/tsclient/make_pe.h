/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minimal PE files, made from nothing: headers, one section of octets that follow from a seed, and whatever a test puts behind.
 * They are never run, so their code is none.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_PE_H
#define TESTS_UNIT_TSCLIENT_MAKE_PE_H

#include <string.h>

#include "tsa/wire/wbuf.h"

struct make_pe {
    bool plus;       /* PE32+ */
    size_t e;        /* where the PE header stands; 0 = 0x80 */
    size_t body_len; /* octets behind the headers */
    unsigned seed;
};

#define MAKE_PE_HEADERS 0x200

static inline void make_pe_set(uint8_t *at, uint32_t v, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        at[i] = (uint8_t)(v >> 8 * i);
    }
}

static inline size_t make_pe_e(const struct make_pe *m)
{
    return m->e ? m->e : 0x80;
}

/* Where the checksum and the security directory stand. */
static inline size_t make_pe_checksum_at(const struct make_pe *m)
{
    return make_pe_e(m) + 88;
}

static inline size_t make_pe_directory_at(const struct make_pe *m)
{
    return make_pe_e(m) + 152 + (m->plus ? 16u : 0u);
}

static inline void make_pe_optional_header(uint8_t *at, const struct make_pe *m)
{
    size_t x = m->plus ? 16 : 0;

    make_pe_set(at, m->plus ? 0x20b : 0x10b, 2);
    make_pe_set(at + 32, 0x1000, 4); /* SectionAlignment */
    make_pe_set(at + 36, 0x200, 4);  /* FileAlignment */
    make_pe_set(at + 56, 0x2000, 4); /* SizeOfImage */
    make_pe_set(at + 60, MAKE_PE_HEADERS, 4);
    make_pe_set(at + 68, 1, 2); /* Subsystem: native */
    make_pe_set(at + 92 + x, 16, 4);
}

/* Appends the file to w, which must be empty. */
static inline void make_pe(struct wbuf *w, const struct make_pe *m)
{
    uint8_t *file = wbuf_reserve(w, MAKE_PE_HEADERS + m->body_len);
    size_t e = make_pe_e(m), x = m->plus ? 16 : 0, opt = 224 + x;
    uint32_t state = m->seed * 2654435761u + 1;
    uint8_t *section;

    if (!file) {
        return;
    }
    memset(file, 0, MAKE_PE_HEADERS);
    memcpy(file, "MZ", 2);
    make_pe_set(file + 0x3c, (uint32_t)e, 4);
    memcpy(file + e, "PE\0\0", 4);
    make_pe_set(file + e + 4, m->plus ? 0x8664 : 0x14c, 2);
    make_pe_set(file + e + 6, 1, 2);
    make_pe_set(file + e + 20, (uint32_t)opt, 2);
    make_pe_set(file + e + 22, 0x22, 2);
    make_pe_optional_header(file + e + 24, m);
    section = file + e + 24 + opt;
    memcpy(section, ".text", 5);
    make_pe_set(section + 8, (uint32_t)m->body_len, 4);
    make_pe_set(section + 12, 0x1000, 4);
    make_pe_set(section + 16, (uint32_t)m->body_len, 4);
    make_pe_set(section + 20, MAKE_PE_HEADERS, 4);
    for (size_t i = 0; i < m->body_len; i++) {
        state = state * 1664525u + 1013904223u;
        file[MAKE_PE_HEADERS + i] = (uint8_t)(state >> 24);
    }
}

#endif
