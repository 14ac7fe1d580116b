/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time and their texts, by own arithmetic: libc's calendar functions know zones, leap tables and locales, and
 * libcrypto's reader takes forms that RFC 3161 forbids.
 */
#include "tsa/wire/gentime.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define SEC_PER_DAY  INT64_C(86400)

#define SEC_YEAR_0     (-INT64_C(62167219200)) /* 0000-01-01T00:00:00Z */
#define SEC_YEAR_1950  (-INT64_C(631152000))
#define SEC_YEAR_2050  INT64_C(2524608000)
#define SEC_YEAR_10000 INT64_C(253402300800)

struct civil {
    int year, month, day, hour, minute, second;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_of(int64_t sec)
{
    int64_t days = sec / SEC_PER_DAY, rest = sec % SEC_PER_DAY;
    int64_t era, day_of_era, year_of_era, day_of_year, month;
    struct civil c;

    if (rest < 0) {
        rest += SEC_PER_DAY;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    day_of_era = days - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;
    c.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    c.month = (int)(month < 10 ? month + 3 : month - 9);
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    return c;
}

static int days_in_month(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static enum rc set_civil(const struct civil *c, struct gentime *out)
{
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > days_in_month(c->year, c->month)) {
        return RC_TIME_FORM;
    }
    /* Neither hour 24 (RFC 3161 2.4.2: midnight is 000000) nor second 60. */
    if (c->hour > 23 || c->minute > 59 || c->second > 59) {
        return RC_TIME_FORM;
    }
    out->sec = days_of(c->year, c->month, c->day) * SEC_PER_DAY + c->hour * 3600 + c->minute * 60 + c->second;
    return RC_OK;
}

/* ---- reading: a cursor that latches ---- */

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static int take_digits(struct cursor *c, int num)
{
    int value = 0;

    for (; num > 0 && !c->bad; num--) {
        c->bad = c->at == c->end || *c->at < '0' || *c->at > '9';
        value = c->bad ? 0 : value * 10 + (*c->at++ - '0');
    }
    return value;
}

static bool next_is(const struct cursor *c, char sign)
{
    return !c->bad && c->at < c->end && *c->at == (uint8_t)sign;
}

static void take_sign(struct cursor *c, char sign)
{
    if (next_is(c, sign)) {
        c->at++;
    } else {
        c->bad = true;
    }
}

/* .f+ without trailing zeros where DER asks for it, up to 9 digits. */
static uint32_t take_fraction(struct cursor *c, bool der)
{
    uint32_t value = 0;
    unsigned num = 0;
    bool zero_last = false;

    if (!next_is(c, '.')) {
        return 0;
    }
    for (c->at++; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (++num > 9) {
            c->bad = true;
            return 0;
        }
        value = value * 10 + (uint32_t)(*c->at - '0');
        zero_last = *c->at == '0';
    }
    c->bad = num == 0 || (der && zero_last);
    for (; num < 9; num++) {
        value *= 10;
    }
    return value;
}

static enum rc finish(const struct cursor *c, const struct civil *civil, struct gentime *out)
{
    enum rc rc = c->bad || c->at != c->end ? RC_TIME_FORM : set_civil(civil, out);

    if (rc != RC_OK) {
        *out = (struct gentime){0};
    }
    return rc;
}

static struct cursor cursor_of(struct bytes text)
{
    return (struct cursor){text.data, text.len ? text.data + text.len : NULL, text.len == 0};
}

/* MMDDhhmmss, which GeneralizedTime and UTCTime share. */
static void take_month_to_second(struct cursor *c, struct civil *t)
{
    t->month = take_digits(c, 2);
    t->day = take_digits(c, 2);
    t->hour = take_digits(c, 2);
    t->minute = take_digits(c, 2);
    t->second = take_digits(c, 2);
}

enum rc gentime_parse(struct bytes text, struct gentime *out)
{
    struct cursor c = cursor_of(text);
    struct civil t;

    *out = (struct gentime){0};
    t.year = take_digits(&c, 4);
    take_month_to_second(&c, &t);
    out->nsec = take_fraction(&c, true);
    take_sign(&c, 'Z');
    return finish(&c, &t, out);
}

enum rc gentime_parse_utc(struct bytes text, struct gentime *out)
{
    struct cursor c = cursor_of(text);
    struct civil t;

    *out = (struct gentime){0};
    t.year = take_digits(&c, 2);
    t.year += t.year < 50 ? 2000 : 1900;
    take_month_to_second(&c, &t);
    take_sign(&c, 'Z');
    return finish(&c, &t, out);
}

/* @N, N within the years that a GeneralizedTime can name. */
static enum rc parse_epoch(struct cursor c, struct gentime *out)
{
    bool negative = next_is(&c, '-');
    int64_t sec = 0;

    c.at += negative ? 1 : 0;
    c.bad |= c.at == c.end;
    while (!c.bad && c.at < c.end) {
        sec = sec * 10 + take_digits(&c, 1);
        c.bad |= sec > SEC_YEAR_10000;
    }
    sec = negative ? -sec : sec;
    if (c.bad || sec < SEC_YEAR_0 || sec >= SEC_YEAR_10000) {
        return RC_TIME_FORM;
    }
    out->sec = sec;
    return RC_OK;
}

enum rc gentime_parse_iso(const char *text, struct gentime *out)
{
    struct cursor c = cursor_of(bytes_str(text));
    struct civil t = {0};

    *out = (struct gentime){0};
    if (next_is(&c, '@')) {
        c.at++;
        return parse_epoch(c, out);
    }
    t.year = take_digits(&c, 4);
    take_sign(&c, '-');
    t.month = take_digits(&c, 2);
    take_sign(&c, '-');
    t.day = take_digits(&c, 2);
    if (!c.bad && c.at == c.end) {
        return finish(&c, &t, out);
    }
    take_sign(&c, 'T');
    t.hour = take_digits(&c, 2);
    take_sign(&c, ':');
    t.minute = take_digits(&c, 2);
    take_sign(&c, ':');
    t.second = take_digits(&c, 2);
    out->nsec = take_fraction(&c, false);
    take_sign(&c, 'Z');
    return finish(&c, &t, out);
}

/* ---- writing ---- */

struct text {
    char *out;
    size_t len;
};

static void put_char(struct text *text, char c)
{
    text->out[text->len++] = c;
    text->out[text->len] = '\0';
}

static void put_digits(struct text *text, int value, int num)
{
    int power = 1;

    for (int i = 1; i < num; i++) {
        power *= 10;
    }
    for (; power > 0; power /= 10) {
        put_char(text, (char)('0' + value / power % 10));
    }
}

/* Trailing zeros go, and the point where nothing is left behind it (RFC 3161 2.4.2). */
static void put_fraction(struct text *text, uint32_t nsec)
{
    if (nsec == 0) {
        return;
    }
    put_char(text, '.');
    put_digits(text, (int)nsec, 9);
    while (text->out[text->len - 1] == '0') {
        text->out[--text->len] = '\0';
    }
}

static enum rc check_range(struct gentime t, int64_t first_sec, int64_t end_sec)
{
    return t.sec < first_sec || t.sec >= end_sec || t.nsec >= NSEC_PER_SEC ? RC_TIME_RANGE : RC_OK;
}

static void put_month_to_second(struct text *text, const struct civil *c)
{
    put_digits(text, c->month, 2);
    put_digits(text, c->day, 2);
    put_digits(text, c->hour, 2);
    put_digits(text, c->minute, 2);
    put_digits(text, c->second, 2);
}

enum rc gentime_build(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len)
{
    enum rc rc = check_range(t, SEC_YEAR_0, SEC_YEAR_10000);
    struct text text = {out, 0};
    struct civil c;

    out[0] = '\0';
    if (rc == RC_OK) {
        c = civil_of(t.sec);
        put_digits(&text, c.year, 4);
        put_month_to_second(&text, &c);
        put_fraction(&text, t.nsec);
        put_char(&text, 'Z');
    }
    *out_len = text.len;
    return rc;
}

enum rc gentime_build_utc(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len)
{
    enum rc rc = check_range(t, SEC_YEAR_1950, SEC_YEAR_2050);
    struct text text = {out, 0};
    struct civil c;

    out[0] = '\0';
    if (rc == RC_OK) {
        c = civil_of(t.sec);
        put_digits(&text, c.year % 100, 2);
        put_month_to_second(&text, &c);
        put_char(&text, 'Z');
    }
    *out_len = text.len;
    return rc;
}

enum rc gentime_build_iso(struct gentime t, char out[GENTIME_TEXT_MAX], size_t *out_len)
{
    enum rc rc = check_range(t, SEC_YEAR_0, SEC_YEAR_10000);
    struct text text = {out, 0};
    struct civil c;

    out[0] = '\0';
    if (rc == RC_OK) {
        c = civil_of(t.sec);
        put_digits(&text, c.year, 4);
        put_char(&text, '-');
        put_digits(&text, c.month, 2);
        put_char(&text, '-');
        put_digits(&text, c.day, 2);
        put_char(&text, 'T');
        put_digits(&text, c.hour, 2);
        put_char(&text, ':');
        put_digits(&text, c.minute, 2);
        put_char(&text, ':');
        put_digits(&text, c.second, 2);
        put_fraction(&text, t.nsec);
        put_char(&text, 'Z');
    }
    *out_len = text.len;
    return rc;
}

/* ---- arithmetic ---- */

int gentime_compare(struct gentime a, struct gentime b)
{
    if (a.sec != b.sec) {
        return a.sec < b.sec ? -1 : 1;
    }
    return (a.nsec > b.nsec) - (a.nsec < b.nsec);
}

int64_t gentime_diff_ns(struct gentime a, struct gentime b)
{
    int64_t nsec = (int64_t)a.nsec - b.nsec;
    int64_t sec, ns;

    if (__builtin_sub_overflow(a.sec, b.sec, &sec)) {
        return a.sec < b.sec ? INT64_MIN : INT64_MAX;
    }
    /* One sign for both, so that no step overflows where the sum would not. */
    if (sec < 0 && nsec > 0) {
        sec++;
        nsec -= NSEC_PER_SEC;
    } else if (sec > 0 && nsec < 0) {
        sec--;
        nsec += NSEC_PER_SEC;
    }
    if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, nsec, &ns)) {
        return sec < 0 ? INT64_MIN : INT64_MAX;
    }
    return ns;
}

struct gentime gentime_add_ns(struct gentime t, int64_t ns)
{
    int64_t sec = ns / NSEC_PER_SEC, nsec = ns % NSEC_PER_SEC + t.nsec;

    sec += nsec < 0 ? -1 : nsec / NSEC_PER_SEC;
    nsec = nsec < 0 ? nsec + NSEC_PER_SEC : nsec % NSEC_PER_SEC;
    if (__builtin_add_overflow(t.sec, sec, &t.sec)) {
        t.sec = sec < 0 ? INT64_MIN : INT64_MAX;
    }
    t.nsec = (uint32_t)nsec;
    return t;
}

struct gentime gentime_round(struct gentime t, unsigned digits)
{
    int64_t unit = 1;

    for (unsigned i = digits; i < 9; i++) {
        unit *= 10;
    }
    return gentime_add_ns((struct gentime){t.sec, 0}, (t.nsec + unit / 2) / unit * unit);
}
