/* An operator of onnxruntime that shows what it reads to a function, and gives nothing of interest.

   What is read so is freed as soon as its other readers ran, where an output of the graph is kept
   until the run ends. onnxruntime's headers need not be there: what is used of its C interface is as
   old as its first version, and stays where it is (OrtApi and OrtCustomOp only grow). */

#include <stdint.h>
#include <stdlib.h>

#define FIRST_VERSION 1
#define ANY 0
#define INT64 7

typedef void (*Show)(int64_t tap, int32_t dtype, const void *data, const int64_t *dims, int64_t rank);

enum { /* places in OrtApi */
    CREATE_DOMAIN = 26, ADD_TO_DOMAIN = 27, ADD_DOMAIN = 28, DATA = 51, DTYPE = 60, RANK = 61,
    DIMS = 62, LAYOUT = 65, INTEGER = 86, INPUT = 90, OUTPUT = 91, RELEASE_LAYOUT = 99,
};

typedef struct { const void *const *(*api)(uint32_t version); } Base;

typedef struct Operator {
    uint32_t version;
    void *(*create)(const struct Operator *, const void *const *api, const void *node);
    const char *(*name)(const struct Operator *);
    const char *(*provider)(const struct Operator *);
    int (*input_dtype)(const struct Operator *, size_t index);
    size_t (*inputs)(const struct Operator *);
    int (*output_dtype)(const struct Operator *, size_t index);
    size_t (*outputs)(const struct Operator *);
    void (*compute)(void *kernel, void *context);
    void (*destroy)(void *kernel);
    int (*input_kind)(const struct Operator *, size_t index); /* 0: it must be there */
    int (*output_kind)(const struct Operator *, size_t index);
    int (*input_memory)(const struct Operator *, size_t index); /* 0: that of the processor */
    const void *later[16];                                      /* nothing of what came since */
} Operator;

typedef struct {
    const void *const *api;
    int64_t tap, run, count;
} Kernel;

static Show show;
static int64_t run, most; /* counts the runs; how often each tap shows what it reads in one, 0: always */

/* Calls a function of onnxruntime that returns what went wrong, or NULL. */
#define CALL(api, place, types, ...) (((void *(*) types)(api)[place])(__VA_ARGS__))

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
        && !CALL(api, DATA, (const void *, void **), value, &data))
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
static const char *provider(const Operator *self) { (void)self; return 0; }
static int zero(const Operator *self, size_t index) { (void)self; (void)index; return 0; }
static int any(const Operator *self, size_t index) { (void)self; (void)index; return ANY; }
static int int64(const Operator *self, size_t index) { (void)self; (void)index; return INT64; }
static size_t one(const Operator *self) { (void)self; return 1; }

static const Operator TAP = {
    FIRST_VERSION, create, name, provider, any, one, int64, one, compute, free, zero, zero, zero, {0},
};

/* The function that gets to see what is tapped, so many times of each tap, from now on. */
void onnxlint_show(Show function, int64_t times)
{
    show = function;
    most = times;
    run++;
}

/* onnxruntime calls this where a session is to know the operator; the domain is made once. */
void *RegisterCustomOps(void *options, const Base *base)
{
    static void *domain;
    const void *const *api = base->api(FIRST_VERSION);
    void *failed = 0;
    if (!domain) {
        failed = CALL(api, CREATE_DOMAIN, (const char *, void **), "onnxlint", &domain);
        if (!failed) failed = CALL(api, ADD_TO_DOMAIN, (void *, const Operator *), domain, &TAP);
    }
    return failed ? failed : CALL(api, ADD_DOMAIN, (void *, void *), options, domain);
}
