/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files and folders that it is given, without libFuzzer, so that the corpus is
 * a plain test of every build. It invents no input of its own, and an empty corpus is a failure: a test
 * that looked at nothing has not passed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static size_t num_run;

static void die(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    exit(1);
}

static uint8_t *read_stream(FILE *in, const char *path, size_t size)
{
    uint8_t *data = malloc(size ? size : 1);

    if (!data || fread(data, 1, size, in) != size) {
        die(path);
    }
    return data;
}

/* The buffer has exactly the file's size, so that a read past its end is seen by ASan. */
static void run_file(const char *path, size_t size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data;

    if (!in) {
        die(path);
    }
    data = read_stream(in, path, size);
    fclose(in);
    fprintf(stderr, "replay: %s (%zu bytes)\n", path, size);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    num_run++;
}

static void run_path(const char *path);

static void run_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    char *child;

    if (count < 0) {
        die(path);
    }
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0) {
                die(path);
            }
            run_path(child);
            free(child);
        }
        free(entries[i]);
    }
    free(entries);
}

static void run_path(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        die(path);
    }
    if (S_ISDIR(st.st_mode)) {
        run_folder(path);
    } else {
        run_file(path, (size_t)st.st_size);
    }
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        run_path(argv[i]);
    }
    if (num_run == 0) {
        fprintf(stderr, "replay: the corpus is empty\n");
        return 1;
    }
    printf("%zu inputs replayed\n", num_run);
    return 0;
}
