/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists under a lock each. The lock is taken once for many jobs, and a sleeper is woken only when there is one: under load nobody
 * sleeps. A signer that wakes wakes the next one itself when more waits.
 */
#include "tsa/issuer/pool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tsa/issuer/issue.h"
#include "tsa/issuer/ledger_record.h"

#define SHARE_MAX 64 /* jobs that one signer takes at a time */
#define NUM_SPARE 16

void job_list_add(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->tail) {
        list->tail->next = job;
    } else {
        list->head = job;
    }
    list->tail = job;
    list->num++;
}

struct job *job_list_take(struct job_list *list)
{
    struct job *job = list->head;

    if (job) {
        list->head = job->next;
        list->tail = list->head ? list->tail : NULL;
        list->num--;
        job->next = NULL;
    }
    return job;
}

void job_list_join(struct job_list *list, struct job_list *from)
{
    if (!from->head) {
        return;
    }
    if (list->tail) {
        list->tail->next = from->head;
    } else {
        list->head = from->head;
    }
    list->tail = from->tail;
    list->num += from->num;
    *from = (struct job_list){0};
}

static struct bytes copy(uint8_t *room, struct bytes b)
{
    if (b.len) {
        memcpy(room, b.data, b.len);
    }
    return bytes_of(room, b.len);
}

void job_set_stamp(struct job *job, const struct msg_stamp *stamp)
{
    job->stamp = *stamp;
    job->stamp.nonce = copy(job->nonce, stamp->nonce);
    job->stamp.policy = copy(job->policy, stamp->policy);
    job->stamp.data = copy(job->data, stamp->data);
}

_Static_assert(MSG_REASON_MAX <= MSAUTH_BLOB_MAX, "a reason fits where a signature does");

void job_set_reason(struct job *job, uint64_t id, struct bytes reason)
{
    job->stamp = (struct msg_stamp){.id = id, .data = copy(job->data, reason)};
}

/* ---- the pool ---- */

void pool_init(struct pool *pool, size_t capacity)
{
    *pool = (struct pool){.capacity = capacity};
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->given, NULL);
}

void pool_clear(struct pool *pool)
{
    struct job *job;

    while ((job = job_list_take(&pool->unused)) != NULL) {
        wbuf_clear(&job->reply);
        wbuf_clear(&job->record);
        free(job);
    }
    (void)pthread_cond_destroy(&pool->given);
    (void)pthread_mutex_destroy(&pool->lock);
}

/* The one that was given last has its octets in the caches still. */
static void put_first(struct job_list *list, struct job_list *jobs)
{
    job_list_join(jobs, list);
    *list = *jobs;
    *jobs = (struct job_list){0};
}

static struct job *make_job(struct pool *pool, size_t most)
{
    struct job *job = pool->num_made < most ? calloc(1, sizeof(*job)) : NULL;

    if (job) {
        wbuf_init(&job->reply, ISSUE_REPLY_MAX);
        wbuf_init(&job->record, LEDGER_BODY_MAX);
        pool->num_made++;
    }
    return job;
}

static struct job *take(struct pool *pool, size_t most)
{
    struct job *job = job_list_take(&pool->unused);

    job = job ? job : make_job(pool, most);
    if (!job && pool->num_made == 0) {
        abort(); /* not even memory for the first */
    }
    return job;
}

/* By the clock that nobody sets. */
static struct timespec time_in(unsigned ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

struct job *pool_take(struct pool *pool, unsigned wait_ms)
{
    struct job *job;

    (void)pthread_mutex_lock(&pool->lock);
    job = take(pool, pool->capacity);
    if (!job) {
        const struct timespec until = time_in(wait_ms);

        while (!job && pthread_cond_clockwait(&pool->given, &pool->lock, CLOCK_MONOTONIC, &until) == 0) {
            job = take(pool, pool->capacity);
        }
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}

struct job *pool_take_spare(struct pool *pool)
{
    struct job *job;

    (void)pthread_mutex_lock(&pool->lock);
    job = take(pool, pool->capacity + NUM_SPARE);
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}

void pool_give(struct pool *pool, struct job_list *jobs)
{
    (void)pthread_mutex_lock(&pool->lock);
    put_first(&pool->unused, jobs);
    (void)pthread_cond_signal(&pool->given); /* free of cost when nobody waits */
    (void)pthread_mutex_unlock(&pool->lock);
}

void pool_wait_all(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->unused.num < pool->num_made) {
        (void)pthread_cond_wait(&pool->given, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

size_t pool_num_used(struct pool *pool)
{
    size_t num;

    (void)pthread_mutex_lock(&pool->lock);
    num = pool->num_made - pool->unused.num;
    (void)pthread_mutex_unlock(&pool->lock);
    return num;
}

/* ---- the queue in front of the signers ---- */

void work_init(struct work *work, size_t num_threads)
{
    *work = (struct work){.num_threads = num_threads};
    (void)pthread_mutex_init(&work->lock, NULL);
    (void)pthread_cond_init(&work->ready, NULL);
}

void work_clear(struct work *work)
{
    (void)pthread_cond_destroy(&work->ready);
    (void)pthread_mutex_destroy(&work->lock);
}

void work_put(struct work *work, struct job_list *jobs)
{
    bool wake;

    (void)pthread_mutex_lock(&work->lock);
    job_list_join(&work->waiting, jobs);
    wake = work->num_idle > 0;
    (void)pthread_mutex_unlock(&work->lock);
    if (wake) {
        (void)pthread_cond_signal(&work->ready);
    }
}

/* What waits, divided by the threads: each has something to do, and nobody has to come back for single jobs. */
static void take_share(struct work *work, struct job_list *out)
{
    size_t share = (work->waiting.num + work->num_threads - 1) / work->num_threads;

    share = share < SHARE_MAX ? share : SHARE_MAX;
    while (share-- > 0) {
        job_list_add(out, job_list_take(&work->waiting));
    }
}

bool work_take(struct work *work, struct job_list *out)
{
    bool wake;

    (void)pthread_mutex_lock(&work->lock);
    while (work->waiting.num == 0 && !work->stopping) {
        work->num_idle++;
        (void)pthread_cond_wait(&work->ready, &work->lock);
        work->num_idle--;
    }
    take_share(work, out);
    wake = work->num_idle > 0 && work->waiting.num > 0;
    (void)pthread_mutex_unlock(&work->lock);
    if (wake) {
        (void)pthread_cond_signal(&work->ready);
    }
    return out->num > 0;
}

void work_stop(struct work *work)
{
    (void)pthread_mutex_lock(&work->lock);
    work->stopping = true;
    (void)pthread_cond_broadcast(&work->ready);
    (void)pthread_mutex_unlock(&work->lock);
}

size_t work_num_waiting(struct work *work)
{
    size_t num;

    (void)pthread_mutex_lock(&work->lock);
    num = work->waiting.num;
    (void)pthread_mutex_unlock(&work->lock);
    return num;
}
