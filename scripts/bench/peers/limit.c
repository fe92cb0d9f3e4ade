/* What this CPU can do: peak float32 FMA rate, and one Adam update of the tutorial's 101,770
 * parameters, on 1, 2, ... threads.
 *
 *   cc -O3 -march=native -fno-math-errno -pthread limit.c -o limit -lm && ./limit
 *
 * Prints JSON lines. `./limit probe` takes a fifth of a second and prints only the peak on one thread
 * and on all: on a virtual machine whose cores the host may put on one physical core, "all" falls to
 * "one" while it does.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PARAMS = 101770, MAXT = 8, ROUNDS = 9 };
enum mode { FMA, ADAM };

static pthread_barrier_t gate;
static volatile float sink;

typedef struct { int id, threads; enum mode mode; long reps; double secs; } job;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

#ifdef __AVX512F__
static const double FMA_FLOP = 12 * 16 * 2;
static const char *ISA = "AVX-512";
static void fma_loop(long reps) {
    __m512 x[12], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
    for (int i = 0; i < 12; i++) x[i] = _mm512_set1_ps(i);
    for (long r = 0; r < reps; r++)
        for (int i = 0; i < 12; i++) x[i] = _mm512_fmadd_ps(x[i], a, b);
    for (int i = 1; i < 12; i++) x[0] = _mm512_add_ps(x[0], x[i]);
    sink = _mm512_reduce_add_ps(x[0]);
}
#else
static const double FMA_FLOP = 12 * 8 * 2;
static const char *ISA = "AVX2";
static void fma_loop(long reps) {
    __m256 x[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
    for (int i = 0; i < 12; i++) x[i] = _mm256_set1_ps(i);
    for (long r = 0; r < reps; r++)
        for (int i = 0; i < 12; i++) x[i] = _mm256_fmadd_ps(x[i], a, b);
    for (int i = 1; i < 12; i++) x[0] = _mm256_add_ps(x[0], x[i]);
    float t[8];
    _mm256_storeu_ps(t, x[0]);
    sink = t[0];
}
#endif

static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g,
                 size_t n, float alpha) {
    for (size_t i = 0; i < n; i++) {
        float d = g[i];
        float mm = m[i] + 0.1f * (d - m[i]), vv = v[i] + 0.001f * (d * d - v[i]);
        m[i] = mm;
        v[i] = vv;
        w[i] -= alpha * mm / (sqrtf(vv) + 1e-7f);
    }
}

static float *filled(size_t n, float value, int period) {
    float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    for (size_t i = 0; i < n; i++) p[i] = period ? value * (i % period) : value;
    return p;
}

static void *work(void *arg) {
    job *j = arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(j->id, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush denormals */
    size_t share = PARAMS / j->threads;
    float *w = filled(share, 0.01f, 7), *g = filled(share, 1e-3f, 11);
    float *m = filled(share, 1e-4f, 0), *v = filled(share, 1e-6f, 0);
    pthread_barrier_wait(&gate);
    double t = now();
    if (j->mode == FMA) fma_loop(j->reps);
    else for (long r = 0; r < j->reps; r++) {
        adam(w, m, v, g, share, 1e-3f);
        __asm__ volatile("" ::: "memory");
    }
    j->secs = now() - t;
    free(w), free(g), free(m), free(v);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    double x = *(double *)a, y = *(double *)b;
    return (x > y) - (x < y);
}

/* The median over rounds of the slowest thread's seconds. */
static double timed(enum mode mode, int threads, long reps) {
    double worst[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        pthread_t th[MAXT];
        job jobs[MAXT];
        pthread_barrier_init(&gate, NULL, threads);
        for (int i = 0; i < threads; i++) {
            jobs[i] = (job){.id = i, .threads = threads, .mode = mode, .reps = reps};
            pthread_create(&th[i], NULL, work, &jobs[i]);
        }
        worst[r] = 0;
        for (int i = 0; i < threads; i++) {
            pthread_join(th[i], NULL);
            if (jobs[i].secs > worst[r]) worst[r] = jobs[i].secs;
        }
        pthread_barrier_destroy(&gate);
    }
    qsort(worst, ROUNDS, sizeof *worst, by_value);
    return worst[ROUNDS / 2];
}

static double gflops(int threads, long reps) {
    return FMA_FLOP * reps * threads / timed(FMA, threads, reps) / 1e9;
}

int main(int argc, char **argv) {
    int cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores > MAXT) cores = MAXT;
    if (argc > 1 && !strcmp(argv[1], "probe")) {
        printf("{\"one\": %.1f, \"all\": %.1f}\n", gflops(1, 2000000), gflops(cores, 2000000));
        return 0;
    }
    for (int t = 1; t <= cores; t *= 2)
        printf("{\"isa\": \"%s\", \"threads\": %d, \"gflops\": %.1f, \"adam_us\": %.2f}\n", ISA, t,
               gflops(t, 40000000), timed(ADAM, t, 4000) / 4000 * 1e6);
    return 0;
}
