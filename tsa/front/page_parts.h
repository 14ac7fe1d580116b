/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the page for people share. Private to page: page.c (the document and the state), page_clock.c (the clock, why not
 * ready), page_advice.c (what is wrong with it, what to do), page_units.c (certificates and what to type), page_style.c (how it looks).
 */
#ifndef TSA_FRONT_PAGE_PARTS_H
#define TSA_FRONT_PAGE_PARTS_H

#include "tsa/front/page.h"
#include "tsa/front/room.h"

#define PAGE_DAY_SECONDS 86400
#define PAGE_FEW_DAYS    30

/* page_put_escaped appends text so that it can be nothing but text. */
void page_put_escaped(struct wbuf *w, const char *text);

/* page_put_row appends a row of two cells; id NULL = none. Label and id are ours. */
void page_put_row(struct wbuf *w, const char *id, const char *label, const char *value);

__attribute__((format(printf, 4, 5))) void page_put_row_of(struct wbuf *w, const char *id, const char *label,
                                                           const char *format, ...);

/* page_time_text writes whole seconds in ISO 8601; returns out. */
const char *page_time_text(struct gentime t, char out[GENTIME_TEXT_MAX]);

/* page_put_end appends a row about a day that comes: how many days are left, and when. */
void page_put_end(struct wbuf *w, const char *id, const char *label, struct gentime end, struct gentime now);

/* page_put_lab warns of a unit of the lab authority. */
void page_put_lab(struct wbuf *w);

/* page_put_lab_time says above all else that the time is not the real one, where that is so; page_put_times and page_put_clock append rows. */
void page_put_lab_time(struct wbuf *w, const struct page *page);
void page_put_times(struct wbuf *w, const struct page *page);
void page_put_clock(struct wbuf *w, const struct facts *facts);

/* page_doubts writes what is wrong though tokens are issued: the clock's warning, the units that refuse. false: nothing is. */
#define PAGE_DOUBTS_MAX (PAGE_SENTENCE_MAX + ROOM_LIST_MAX)
bool page_doubts(const struct page *page, char out[PAGE_DOUBTS_MAX]);

/* page_put_advice appends what who runs the authority does first, where anything is to be done. */
void page_put_advice(struct wbuf *w, const struct page *page);

void page_put_recipes(struct wbuf *w, const struct page *page);
void page_put_units(struct wbuf *w, const struct page *page);

/* The style sheet, without anything that HTML would read as a tag. */
extern const char page_style[];

#endif
