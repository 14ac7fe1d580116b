/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the load generator is asked to do: its command line, and where it connects to.
 */
#ifndef TESTS_TOOLS_LOAD_OPTIONS_H
#define TESTS_TOOLS_LOAD_OPTIONS_H

#include <getopt.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOAD_FILES_MAX 256

enum load_kind {
    LOAD_RFC3161,
    LOAD_AUTHENTICODE,
    LOAD_MIX
};

struct load_options {
    double rate; /* arrivals a second; 0: closed loop, each connection asks again at once */
    double seconds;
    uint64_t requests;     /* 0: as many as the seconds bring */
    size_t connections;    /* at the same time, at most */
    size_t per_connection; /* requests; 0 = any number */
    unsigned sources;      /* 127.0.0.1 .. 127.0.0.N in turn; 0 = as the kernel likes */
    double patience;       /* seconds for one request */
    enum load_kind kind;
    bool check;
    const char *keep;
    const char *const *files;
    size_t num_files;
    char target[256], host[256];
    struct sockaddr_storage to;
    socklen_t to_len;
};

static inline _Noreturn void load_usage(const char *why)
{
    fprintf(
        stderr,
        "load: %s\n"
        "usage: load URL [--rate R] [--seconds S | --requests N] [--connections C] [--per-connection K]\n"
        "            [--kind rfc3161|authenticode|mix] [--body FILE]... [--target PATH] [--sources N]\n"
        "            [--timeout S] [--keep DIR] [--check]\n"
        "URL is http://HOST:PORT/PATH or unix:FILE. Without --rate each connection asks again as soon as it "
        "is\n"
        "answered; with it requests are due on a fixed schedule, and latency counts from when one was due.\n"
        "One JSON object on standard output tells what came of it; SIGTERM and SIGINT end it early.\n",
        why);
    exit(64);
}

static inline double load_number(const char *text, const char *what)
{
    char *end;
    const double value = strtod(text, &end);

    if (end == text || *end || !(value >= 0) || value > 1e12) {
        load_usage(what);
    }
    return value;
}

static inline void load_resolve(struct load_options *o, const char *url)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char authority[256], host[256], port[16] = "80";
    const size_t len = strcspn(url, "/");
    char *colon;

    if (len >= sizeof authority || strlen(url + len) >= sizeof o->target) {
        load_usage("the URL is too long");
    }
    snprintf(authority, sizeof authority, "%.*s", (int)len, url);
    snprintf(o->host, sizeof o->host, "%s", authority);
    snprintf(o->target, sizeof o->target, "%s", url[len] ? url + len : "/");
    colon = strrchr(authority, ':');
    if (colon && !strchr(colon, ']')) {
        *colon = 0;
        snprintf(port, sizeof port, "%.15s", colon + 1);
    }
    snprintf(host, sizeof host, "%.*s", (int)strcspn(authority[0] == '[' ? authority + 1 : authority, "]"),
             authority[0] == '[' ? authority + 1 : authority);
    if (getaddrinfo(host, port, &hints, &found) != 0 || !found) {
        load_usage("the host of the URL is not known");
    }
    memcpy(&o->to, found->ai_addr, found->ai_addrlen);
    o->to_len = found->ai_addrlen;
    freeaddrinfo(found);
}

static inline void load_where(struct load_options *o, const char *url)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&o->to;

    if (strncmp(url, "http://", 7) == 0) {
        load_resolve(o, url + 7);
        return;
    }
    if (strncmp(url, "unix:", 5) != 0 || strlen(url + 5) >= sizeof local->sun_path) {
        load_usage("the URL is neither http://... nor unix:FILE");
    }
    local->sun_family = AF_UNIX;
    strcpy(local->sun_path, url + 5);
    o->to_len = sizeof *local;
    strcpy(o->host, "localhost");
    strcpy(o->target, "/");
}

static inline enum load_kind load_kind_of(const char *word)
{
    static const char *const words[] = {"rfc3161", "authenticode", "mix"};

    for (int i = 0; i <= LOAD_MIX; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum load_kind)i;
        }
    }
    load_usage("--kind is rfc3161, authenticode or mix");
}

static inline void load_set(struct load_options *o, int option, const char *value)
{
    static const char *files[LOAD_FILES_MAX];

    switch (option) {
    case 'r':
        o->rate = load_number(value, "--rate wants a number");
        break;
    case 's':
        o->seconds = load_number(value, "--seconds wants a number");
        break;
    case 'n':
        o->requests = (uint64_t)load_number(value, "--requests wants a number");
        break;
    case 'c':
        o->connections = (size_t)load_number(value, "--connections wants a number");
        break;
    case 'p':
        o->per_connection = (size_t)load_number(value, "--per-connection wants a number");
        break;
    case 'f':
        o->sources = (unsigned)load_number(value, "--sources wants a number");
        break;
    case 't':
        o->patience = load_number(value, "--timeout wants seconds");
        break;
    case 'k':
        o->kind = load_kind_of(value);
        break;
    case 'd':
        o->keep = value;
        break;
    case 'x':
        o->check = true;
        break;
    case 'u':
        snprintf(o->target, sizeof o->target, "%s", value);
        break;
    case 'b':
        if (o->num_files == LOAD_FILES_MAX) {
            load_usage("too many --body");
        }
        files[o->num_files++] = value;
        o->files = files;
        break;
    default:
        load_usage("that option is not known");
    }
}

static inline void load_options_parse(struct load_options *o, int argc, char **argv)
{
    static const struct option options[] = {
        {"rate", 1, NULL, 'r'},
        {"seconds", 1, NULL, 's'},
        {"requests", 1, NULL, 'n'},
        {"connections", 1, NULL, 'c'},
        {"per-connection", 1, NULL, 'p'},
        {"sources", 1, NULL, 'f'},
        {"timeout", 1, NULL, 't'},
        {"kind", 1, NULL, 'k'},
        {"keep", 1, NULL, 'd'},
        {"check", 0, NULL, 'x'},
        {"target", 1, NULL, 'u'},
        {"body", 1, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *o = (struct load_options){.connections = 64, .patience = 10};
    for (int i = 1; i < argc; i++) { /* --target changes what the URL says */
        if (strncmp(argv[i], "http://", 7) == 0 || strncmp(argv[i], "unix:", 5) == 0) {
            load_where(o, argv[i]);
        }
    }
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        load_set(o, option, optarg);
    }
    if (optind + 1 != argc || o->to_len == 0) {
        load_usage("exactly one URL is wanted");
    }
    if (o->connections == 0 || o->patience <= 0 || o->sources > 250 ||
        (o->seconds <= 0 && o->requests == 0)) {
        load_usage("--seconds or --requests is missing, or a number is out of range");
    }
}

#endif
