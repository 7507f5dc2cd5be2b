/* An operator of onnxruntime that shows what it reads to a function, and gives nothing of interest.

   What is read so is freed as soon as its other readers ran, where an output of the graph is kept
   until the run ends. */

#include <stdlib.h>
#include <string.h>

#include "ort.h"

#define MOST_DIMS 8

typedef void (*Show)(int64_t tap, int32_t dtype, const void *data, const int64_t *dims, int64_t rank);

typedef struct {
    const void *const *api;
    int64_t tap, run, count;
} Kernel;

typedef struct {
    int32_t dtype, rank; /* of a value that is measured here, if it is as it was in a run before */
    int64_t dims[MOST_DIMS];
    void *task; /* what passes.c does with it; NULL: nothing */
    int64_t measured;
} Expected;

int onnxlint_measure_at(void *task, const void *values);

static _Thread_local Expected *expected; /* by tap, in the run that this thread makes */
static _Thread_local int64_t expectations;

static Show show;
static int64_t run, most; /* counts the runs; how often each tap shows what it reads in one, 0: always */

static void *create(const Operator *self, const void *const *api, const void *node)
{
    (void)self;
    Kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel) return 0;
    kernel->api = api;
    kernel->tap = -1;
    CALL(api, INTEGER, (const void *, const char *, int64_t *), node, "tap", &kernel->tap);
    return kernel;
}

/* Measures a value that is as expected, once in a run; whether it was. */
static int is_measured(int64_t tap, int32_t dtype, const void *data, const int64_t *dims, size_t rank)
{
    Expected *like = tap < expectations ? expected + tap : 0;
    if (!like || !like->task || like->measured || like->dtype != dtype || like->rank != (int32_t)rank
        || memcmp(like->dims, dims, rank * sizeof *dims) || !onnxlint_measure_at(like->task, data))
        return 0;
    return like->measured = 1;
}

static void tell(const Kernel *kernel, const void *value)
{
    const void *const *api = kernel->api;
    void *layout = 0, *data = 0;
    int32_t dtype = 0;
    size_t rank = 0;
    int64_t *dims = 0;
    if (CALL(api, LAYOUT, (const void *, void **), value, &layout)) return;
    if (!CALL(api, DTYPE, (const void *, int32_t *), layout, &dtype)
        && !CALL(api, RANK, (const void *, size_t *), layout, &rank)
        && (dims = calloc(rank + 1, sizeof *dims))
        && !CALL(api, DIMS, (const void *, int64_t *, size_t), layout, dims, rank)
        && !CALL(api, DATA, (const void *, void **), value, &data)
        && !is_measured(kernel->tap, dtype, data, dims, rank))
        show(kernel->tap, dtype, data, dims, (int64_t)rank);
    free(dims);
    ((void (*)(void *))api[RELEASE_LAYOUT])(layout);
}

/* Whether a tap may show something once more: a loop may run it millions of times. */
static int may_show(Kernel *kernel)
{
    if (kernel->run != run) kernel->count = 0;
    kernel->run = run;
    return !most || kernel->count++ < most;
}

static void compute(void *kernel, void *context)
{
    const void *const *api = ((Kernel *)kernel)->api;
    const void *value = 0;
    void *made = 0, *data = 0;
    int64_t one = 1;
    if (!CALL(api, INPUT, (const void *, size_t, const void **), context, 0, &value) && value
        && show && ((Kernel *)kernel)->tap >= 0 && may_show(kernel))
        tell(kernel, value);
    if (!CALL(api, OUTPUT, (void *, size_t, const int64_t *, size_t, void **), context, 0, &one, 1,
              &made)
        && made && !CALL(api, DATA, (void *, void **), made, &data) && data)
        *(int64_t *)data = 0;
}

static const char *name(const Operator *self) { (void)self; return "Tap"; }
static int any(const Operator *self, size_t index) { (void)self; (void)index; return ANY; }
static int int64(const Operator *self, size_t index) { (void)self; (void)index; return INT64; }
static size_t one(const Operator *self) { (void)self; return 1; }

const Operator onnxlint_tap = {
    FIRST_VERSION, create, name, onnxlint_anywhere, any, one, int64, one, compute, free,
    onnxlint_zero, onnxlint_zero, onnxlint_zero, {0},
};

/* The function that gets to see what is tapped, so many times of each tap, from now on. */
void onnxlint_show(Show function, int64_t times)
{
    show = function;
    most = times;
    run++;
}

/* What is measured without a call of that function in the next run of this thread. */
void onnxlint_expect(Expected *values, int64_t count)
{
    expected = values;
    expectations = count;
}
