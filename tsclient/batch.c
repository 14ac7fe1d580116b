/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file after the other; a failure of one does not keep the others from being done. Exit codes 3 and 4 are given only where every
 * failure was of that kind: a script may try again or give up.
 */
#include "tsclient/batch.h"

#include <stdlib.h>
#include <string.h>

#include "tsa/base/mem.h"
#include "tsclient/report/report.h"
#include "tsclient/report/report_json.h"

#define AT(field) offsetof(struct batch_settings, field)
const struct option_row batch_options[] = {
    {"output", 'o', OPTION_TEXT, AT(output), "FILE", "Write here instead of in place (one file).", 0, 0},
    {"out-dir", 0, OPTION_TEXT, AT(out_dir), "DIR",
     "Write into this folder, which must exist, instead of in place.", 0, 0},
    {"tp", 0, OPTION_NUMBER, AT(index), "N",
     "Change one signature alone: 0 the primary, 1... nested ones, as show counts them.", 0,
     SPC_MAX_SIGNATURES - 1},
    {"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL, "Do all but write; print what would change, by octets.", 0,
     0},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "One JSON object per file, one line each.", 0, 0},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "Print errors and warnings alone.", 0, 0},
    {0},
};

/* ---- names ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int compare_base_names(const void *a, const void *b)
{
    return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

/* Two files of one name would come to stand on each other in one folder. Returns the name, or NULL. */
static const char *find_twin(char **files, size_t num_files)
{
    char **sorted = xcalloc(num_files, sizeof *sorted);
    const char *twin = NULL;

    memcpy(sorted, files, num_files * sizeof *sorted);
    qsort(sorted, num_files, sizeof *sorted, compare_base_names);
    for (size_t i = 1; i < num_files && !twin; i++) {
        twin = compare_base_names(&sorted[i - 1], &sorted[i]) == 0 ? base_name(sorted[i]) : NULL;
    }
    free(sorted);
    return twin;
}

/* Told before an authority is asked for what could not be written. */
static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where the result of path goes. Heap. */
static char *target_of(const struct batch *batch, const char *path)
{
    const struct batch_settings *s = batch->settings;

    if (s->output) {
        return xstrdup(s->output);
    }
    if (s->out_dir) {
        return xasprintf("%s/%s%s", s->out_dir, base_name(path), batch->suffix);
    }
    return xasprintf("%s%s", path, batch->suffix);
}

struct place {
    dev_t device;
    ino_t node; /* 0: there is no such file */
};

static struct place place_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (struct place){st.st_dev, st.st_ino} : (struct place){0};
}

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    if (one->device != other->device) {
        return one->device < other->device ? -1 : 1;
    }
    return one->node == other->node ? 0 : one->node < other->node ? -1 : 1;
}

/* A link that stands in the folder may lead to another of the files, whose octets would be lost. Returns its target (heap), or NULL. */
static char *find_overlaid(const struct batch *batch, char **files, size_t num_files)
{
    struct place *sorted = xcalloc(num_files, sizeof *sorted);
    char *overlaid = NULL;

    for (size_t i = 0; i < num_files; i++) {
        sorted[i] = place_of(files[i]);
    }
    qsort(sorted, num_files, sizeof *sorted, compare_places);
    for (size_t i = 0; i < num_files && !overlaid; i++) {
        char *target = target_of(batch, files[i]);
        struct place place = place_of(target), own = place_of(files[i]);

        if (place.node != 0 && compare_places(&place, &own) != 0 &&
            bsearch(&place, sorted, num_files, sizeof *sorted, compare_places)) {
            overlaid = target;
        } else {
            free(target);
        }
    }
    free(sorted);
    return overlaid;
}

static int check_overlaid(const struct batch *batch, char **files, size_t num_files)
{
    bool is_asked = batch->settings->out_dir && batch->suffix[0] == '\0'; /* a .tsr replaces nothing else */
    char *overlaid = is_asked ? find_overlaid(batch, files, num_files) : NULL;
    int rc = EXIT_DONE;

    if (overlaid) {
        rc = command_usage(batch->command, "%s is another one of the files, and would be lost", overlaid);
    }
    free(overlaid);
    return rc;
}

int batch_check(const struct batch *batch, char **files, size_t num_files)
{
    const struct batch_settings *s = batch->settings;
    const char *twin;

    if (num_files == 0) {
        return command_usage(batch->command, "which file?");
    }
    twin = s->out_dir ? find_twin(files, num_files) : NULL;
    if (twin) {
        return command_usage(batch->command, "several files are called %s: --out-dir can hold one of them",
                             twin);
    }
    if (s->output && strcmp(s->output, "-") == 0) {
        return command_usage(batch->command, "-o -: it writes files alone; one of that name is ./-");
    }
    if (s->output && s->out_dir) {
        return command_usage(batch->command, "-o and --out-dir exclude each other");
    }
    if (s->out_dir && !is_folder(s->out_dir)) {
        return command_usage(batch->command, "--out-dir %s: there is no such folder", s->out_dir);
    }
    if (s->output && num_files > 1) {
        return command_usage(batch->command, "-o goes with one file; use --out-dir");
    }
    return check_overlaid(batch, files, num_files);
}

/* ---- what is told ---- */

static const char *outcome_word(const struct batch *batch, enum rewrite_outcome outcome)
{
    static const char *const words[] = {
        [REWRITE_WARNING] = "warning",
        [REWRITE_FAILED] = "failed",
        [REWRITE_UNREACHABLE] = "unreachable",
        [REWRITE_REFUSED] = "refused",
    };

    return outcome < REWRITE_WARNING ? batch->words->json[outcome] : words[outcome];
}

static void print_edits(const char *path, const struct edits *edits)
{
    for (size_t i = 0; i < edits->num; i++) {
        const struct edit *edit = &edits->list[i];

        (void)printf("%s: at %llu: %llu octets go, %zu come (%s)\n", path, (unsigned long long)edit->at,
                     (unsigned long long)edit->remove, edit->insert.len, edit->what);
    }
}

/* On standard error, in its place between the lines on standard output. */
static void print_problem(const char *path, struct rewrite_result *result)
{
    if (result->outcome >= REWRITE_WARNING) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "%s: %s: %s\n", path,
                      report_severity(result->outcome == REWRITE_WARNING ? SEVERITY_WARNING : SEVERITY_ERROR),
                      report_safe(result->text));
    }
}

static void print_text(const struct batch *batch, const char *path, struct rewrite_result *result)
{
    const char *text = report_safe(result->text);

    print_problem(path, result);
    if (result->outcome >= REWRITE_WARNING || batch->settings->quiet) {
        return;
    }
    if (batch->settings->dry_run && result->num_changed > 0) {
        (void)printf("%s: %s\n", batch->words->dry, path);
        print_edits(path, &result->edits);
        return;
    }
    (void)printf("%s: %s%s%s%s\n", batch->words->lines[result->outcome], path, text[0] ? " (" : "", text,
                 text[0] ? ")" : "");
}

static json_t *edits_array(const struct edits *edits)
{
    json_t *array = json_array();

    for (size_t i = 0; i < edits->num; i++) {
        const struct edit *edit = &edits->list[i];

        if (json_array_append_new(array, json_pack("{s:I, s:I, s:I, s:s}", "at", (json_int_t)edit->at,
                                                   "remove", (json_int_t)edit->remove, "insert",
                                                   (json_int_t)edit->insert.len, "what", edit->what)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static bool print_json(const struct batch *batch, const char *path, struct rewrite_result *result)
{
    json_t *object = report_json_file(&result->subject, result->file, outcome_word(batch, result->outcome));

    print_problem(path, result);
    if (object && batch->settings->dry_run &&
        (json_object_set_new(object, "dry_run", json_true()) != 0 ||
         json_object_set_new(object, "changes", edits_array(&result->edits)) != 0)) {
        json_decref(object);
        return false;
    }
    return report_json_print(object);
}

/* ---- the files ---- */

struct tally {
    size_t outcomes[REWRITE_NUM];
    bool fault;
};

static void handle(const struct batch *batch, const char *path, struct tally *tally)
{
    char *target = target_of(batch, path), shown[REPORT_PATH_MAX];
    struct rewrite_result result;

    batch->run(batch->arg, path, target, &result);
    (void)report_path(path, shown);
    tally->outcomes[result.outcome]++;
    if (!result.file) {
        tally->fault = true;
    } else if (batch->settings->json) {
        tally->fault |= !print_json(batch, shown, &result);
    } else {
        print_text(batch, shown, &result);
    }
    rewrite_result_clear(&result);
    free(target);
}

static size_t num_failures(const struct tally *tally)
{
    return tally->outcomes[REWRITE_FAILED] + tally->outcomes[REWRITE_UNREACHABLE] +
           tally->outcomes[REWRITE_REFUSED];
}

static int verdict(const struct batch *batch, const struct tally *tally)
{
    const size_t *n = tally->outcomes;
    size_t failures = num_failures(tally);

    if (tally->fault) {
        (void)fprintf(stderr, "tsclient %s: out of memory, or the output can not be written\n",
                      batch->command->name);
        return EXIT_FAULT;
    }
    if (failures == 0) {
        return n[REWRITE_WARNING] > 0 ? EXIT_WARNINGS : EXIT_DONE;
    }
    if (n[REWRITE_UNREACHABLE] == failures) {
        return EXIT_UNREACHABLE;
    }
    return n[REWRITE_REFUSED] == failures ? EXIT_REFUSED : EXIT_NO;
}

int batch_run(const struct batch *batch, char **files, size_t num_files)
{
    const struct batch_settings *s = batch->settings;
    struct tally tally = {0};

    for (size_t i = 0; i < num_files; i++) {
        handle(batch, files[i], &tally);
    }
    if (num_files > 1 && !s->json && !s->quiet) {
        const struct report_counts counts = {.good = tally.outcomes[REWRITE_DONE] +
                                                     tally.outcomes[REWRITE_ALREADY],
                                             .warnings = tally.outcomes[REWRITE_WARNING],
                                             .errors = num_failures(&tally)};
        (void)printf("\n");
        report_counts(stdout, s->dry_run ? "checked" : batch->words->done, &counts);
    }
    return verdict(batch, &tally);
}
