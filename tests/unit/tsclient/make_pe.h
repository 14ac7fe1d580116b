/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minimal PE files, made from nothing: headers, octets that follow from a seed, and whatever a test puts behind. What a field
 * leaves zero is as usual: one section that is all of the body. They are never run, so their code is none.
 */
#ifndef TESTS_UNIT_TSCLIENT_MAKE_PE_H
#define TESTS_UNIT_TSCLIENT_MAKE_PE_H

#include <string.h>

#include "tsa/wire/wbuf.h"

struct make_pe_section {
    uint32_t at, len;
};

struct make_pe {
    bool plus;          /* PE32+ */
    size_t e;           /* where the PE header stands; 0 = 0x80 */
    size_t headers_len; /* 0 = MAKE_PE_HEADERS */
    size_t body_len;    /* octets behind the headers */
    unsigned seed;
    uint16_t machine;    /* 0 = x86 or x64 */
    uint32_t alignment;  /* of sections; 0 = 4096 */
    size_t directories;  /* 0 = 16 */
    bool right_checksum; /* else it is zero */
    const struct make_pe_section *sections;
    size_t num_sections;
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

static inline size_t make_pe_headers_len(const struct make_pe *m)
{
    return m->headers_len ? m->headers_len : MAKE_PE_HEADERS;
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

/* The checksum, octet by octet: a plain second opinion. */
static inline uint32_t make_pe_checksum(struct bytes file, const struct make_pe *m)
{
    size_t own = make_pe_checksum_at(m);
    uint32_t sum = 0;

    for (size_t i = 0; i < file.len; i += 2) {
        for (size_t k = i; k < i + 2 && k < file.len; k++) {
            sum += k >= own && k < own + 4 ? 0u : (uint32_t)file.data[k] << 8 * (k - i);
        }
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return sum + (uint32_t)file.len;
}

static inline void make_pe_right_checksum(struct wbuf *file, const struct make_pe *m)
{
    make_pe_set(file->data + make_pe_checksum_at(m), make_pe_checksum(wbuf_bytes(file), m), 4);
}

static inline size_t make_pe_optional_header(uint8_t *at, const struct make_pe *m)
{
    size_t x = m->plus ? 16 : 0, directories = m->directories ? m->directories : 16;

    make_pe_set(at, m->plus ? 0x20b : 0x10b, 2);
    make_pe_set(at + 32, m->alignment ? m->alignment : 0x1000, 4); /* SectionAlignment */
    make_pe_set(at + 36, m->alignment && m->alignment < 0x200 ? m->alignment : 0x200, 4);
    make_pe_set(at + 56, 0x2000, 4); /* SizeOfImage */
    make_pe_set(at + 60, (uint32_t)make_pe_headers_len(m), 4);
    make_pe_set(at + 68, 1, 2); /* Subsystem: native */
    make_pe_set(at + 92 + x, (uint32_t)directories, 4);
    return 96 + x + 8 * directories;
}

static inline void make_pe_sections(uint8_t *at, const struct make_pe *m)
{
    const struct make_pe_section whole = {(uint32_t)make_pe_headers_len(m), (uint32_t)m->body_len};
    const struct make_pe_section *sections = m->sections ? m->sections : &whole;

    for (size_t i = 0; i < (m->sections ? m->num_sections : 1); i++, at += 40) {
        memcpy(at, ".text", 5);
        make_pe_set(at + 8, sections[i].len, 4);
        make_pe_set(at + 12, (uint32_t)(i + 1) * 0x1000, 4);
        make_pe_set(at + 16, sections[i].len, 4);
        make_pe_set(at + 20, sections[i].at, 4);
    }
}

/* Appends the file to w, which must be empty. */
static inline void make_pe(struct wbuf *w, const struct make_pe *m)
{
    uint8_t *file = wbuf_reserve(w, make_pe_headers_len(m) + m->body_len);
    uint32_t state = m->seed * 2654435761u + 1;
    size_t e = make_pe_e(m), opt;

    if (!file) {
        return;
    }
    memset(file, 0, make_pe_headers_len(m));
    memcpy(file, "MZ", 2);
    memcpy(file + e, "PE\0\0", 4);
    opt = make_pe_optional_header(file + e + 24, m);
    make_pe_set(file + e + 4, m->machine ? m->machine : m->plus ? 0x8664 : 0x14c, 2);
    make_pe_set(file + e + 6, (uint32_t)(m->sections ? m->num_sections : 1), 2);
    make_pe_set(file + e + 20, (uint32_t)opt, 2);
    make_pe_set(file + e + 22, 0x22, 2);
    make_pe_sections(file + e + 24 + opt, m);
    make_pe_set(file + 0x3c, (uint32_t)e, 4); /* last, since it may lie within the PE header */
    for (size_t i = 0; i < m->body_len; i++) {
        state = state * 1664525u + 1013904223u;
        file[make_pe_headers_len(m) + i] = (uint8_t)(state >> 24);
    }
    if (m->right_checksum) {
        make_pe_right_checksum(w, m);
    }
}

/* ---- the certificate table ---- */

struct make_pe_entry {
    uint16_t revision, type; /* 0: 0x0200, 2 */
    struct bytes der;
    struct bytes tail;
    bool unpadded; /* dwLength leaves the padding out */
};

static inline void make_pe_append_entry(struct wbuf *w, const struct make_pe_entry *entry)
{
    size_t len = 8 + entry->der.len + entry->tail.len, padded = (len + 7) & ~(size_t)7;
    uint8_t header[8];

    make_pe_set(header, (uint32_t)(entry->unpadded ? len : padded), 4);
    make_pe_set(header + 4, entry->revision ? entry->revision : 0x0200, 2);
    make_pe_set(header + 6, entry->type ? entry->type : 2, 2);
    wbuf_put(w, bytes_of(header, 8));
    wbuf_put(w, entry->der);
    wbuf_put(w, entry->tail);
    while (len++ < padded) {
        wbuf_put_u8(w, 0);
    }
}

/* Initialises w, up to limit octets, and makes a file with such a table. */
static inline void make_pe_signed(struct wbuf *w, size_t limit, const struct make_pe *m,
                                  const struct make_pe_entry *entries, size_t num)
{
    size_t at;

    wbuf_init(w, limit);
    make_pe(w, m);
    while (w->len % 8) {
        wbuf_put_u8(w, 0);
    }
    at = w->len;
    for (size_t i = 0; i < num; i++) {
        make_pe_append_entry(w, &entries[i]);
    }
    make_pe_set(w->data + make_pe_directory_at(m), (uint32_t)at, 4);
    make_pe_set(w->data + make_pe_directory_at(m) + 4, (uint32_t)(w->len - at), 4);
    if (m->right_checksum) {
        make_pe_right_checksum(w, m);
    }
}

#endif
