/* SPDX-License-Identifier: Apache-2.0 */
/* Lists, the pool that bounds, and the queue that shares out: order, limits, waiting and waking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tsa/issuer/pool.h"

static void test_lists(void **state)
{
    struct job jobs[4] = {0};
    struct job_list a = {0}, b = {0};

    (void)state;
    assert_null(job_list_take(&a));
    job_list_join(&a, &b); /* nothing to nothing */
    assert_int_equal(a.num, 0);
    job_list_add(&b, &jobs[0]);
    job_list_add(&b, &jobs[1]);
    job_list_join(&a, &b);
    assert_true(b.num == 0 && !b.head && !b.tail);
    job_list_add(&b, &jobs[2]);
    job_list_add(&b, &jobs[3]);
    job_list_join(&a, &b);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(a.num, 4 - i);
        assert_ptr_equal(job_list_take(&a), &jobs[i]);
    }
    assert_null(job_list_take(&a));
    job_list_add(&a, &jobs[0]); /* usable after it was empty */
    assert_ptr_equal(job_list_take(&a), &jobs[0]);
}

static void test_job_owns_its_request(void **state)
{
    static struct job job;
    uint8_t data[] = {1, 2, 3}, nonce[] = {4}, policy[] = {5, 6};
    const struct msg_stamp m = {
        .id = 7, .data = bytes_of(data, 3), .nonce = bytes_of(nonce, 1), .policy = bytes_of(policy, 2)};

    (void)state;
    job_set_stamp(&job, &m);
    memset(data, 0, sizeof(data));
    memset(nonce, 0, sizeof(nonce));
    memset(policy, 0, sizeof(policy));
    assert_true(bytes_equal(job.stamp.data, bytes_str("\1\2\3")) &&
                bytes_equal(job.stamp.nonce, bytes_str("\4")));
    assert_true(bytes_equal(job.stamp.policy, bytes_str("\5\6")) && job.stamp.id == 7);
}

static struct pool pool;
static _Atomic int took;

static void *take_one(void *arg)
{
    struct job_list back = {0};

    (void)arg;
    job_list_add(&back, pool_take(&pool, 10000));
    atomic_store(&took, 1);
    pool_give(&pool, &back);
    return NULL;
}

static void test_pool_bounds(void **state)
{
    struct job_list held = {0}, back = {0};
    pthread_t thread;
    struct job *last;

    (void)state;
    pool_init(&pool, 3);
    for (size_t i = 0; i < 3; i++) {
        job_list_add(&held, pool_take(&pool, 10000));
        assert_int_equal(pool_num_used(&pool), i + 1);
    }
    atomic_store(&took, 0);
    assert_int_equal(pthread_create(&thread, NULL, take_one, NULL), 0);
    usleep(20 * 1000);
    assert_int_equal(atomic_load(&took), 0); /* it waits */
    job_list_add(&back, job_list_take(&held));
    pool_give(&pool, &back);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pool.num_made, 3);
    last = held.tail;
    pool_give(&pool, &held);
    pool_wait_all(&pool);
    assert_int_equal(pool_num_used(&pool), 0);
    job_list_add(&held, pool_take(&pool, 10000));
    assert_ptr_not_equal(held.head, last); /* the first of what was given last */
    pool_give(&pool, &held);
    pool_clear(&pool);
}

static void test_shares(void **state)
{
    static struct job jobs[500];
    struct job_list list = {0}, share = {0};
    struct work work;
    size_t left = 500;

    (void)state;
    work_init(&work, 4);
    for (size_t i = 0; i < 500; i++) {
        job_list_add(&list, &jobs[i]);
    }
    work_put(&work, &list);
    assert_int_equal(list.num, 0);
    while (left > 0) {
        const size_t fair = (left + 3) / 4;

        share = (struct job_list){0};
        assert_true(work_take(&work, &share));
        assert_int_equal(share.num, fair < 64 ? fair : 64);
        assert_ptr_equal(share.head, &jobs[500 - left]); /* in order */
        left -= share.num;
        assert_int_equal(work_num_waiting(&work), left);
    }
    work_stop(&work);
    share = (struct job_list){0};
    assert_false(work_take(&work, &share));
    work_clear(&work);
}

static struct work work;
static _Atomic size_t num_done;

static void *work_on(void *arg)
{
    struct job_list share = {0};

    (void)arg;
    while (work_take(&work, &share)) {
        atomic_fetch_add(&num_done, share.num);
        share = (struct job_list){0};
    }
    return NULL;
}

/* Sleepers are woken, all work is done, and stop lets nobody sleep on. */
static void test_threads(void **state)
{
    static struct job jobs[1000];
    pthread_t threads[3];

    (void)state;
    work_init(&work, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work_on, NULL), 0);
    }
    for (size_t i = 0; i < 1000; i++) {
        struct job_list list = {0};

        job_list_add(&list, &jobs[i]);
        work_put(&work, &list);
        if (i % 100 == 0) {
            usleep(1000); /* they fall asleep in between */
        }
    }
    work_stop(&work);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&num_done), 1000);
    work_clear(&work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_job_owns_its_request),
        cmocka_unit_test(test_pool_bounds), cmocka_unit_test(test_shares),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
