/* An operator of onnxruntime that scales the difference of two values back, or makes one where there
   is none, and tells how large it was: what `perturbed_copy.py` says with fifteen nodes otherwise,
   each of which reads or writes all elements. */

#include <math.h>
#include <stdlib.h>

#include "ort.h"

#define LANES 16

typedef struct {
    const void *const *api;
    int64_t cut;
} Kernel;

typedef struct {
    const float *value, *changed, *noise;
    int64_t elements, repeated; /* of the values, and of the noise, which is repeated */
    double step;
    int64_t start;
} Given;

static void *create(const Operator *self, const void *const *api, const void *node)
{
    (void)self;
    Kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel) return 0;
    kernel->api = api;
    CALL(api, INTEGER, (const void *, const char *, int64_t *), node, "cut", &kernel->cut);
    return kernel;
}

/* The root of the mean square of the differences, or of the values where there is nothing to compare
   with; in lanes of double precision, so that no square leaves its range. */
static double rms(const float *values, const float *others, int64_t count)
{
    double sums[LANES] = {0}, total = 0;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            double each = others ? values[i + lane] - others[i + lane] : values[i + lane];
            sums[lane] += each * each;
        }
    for (; i < count; i++) {
        double each = others ? values[i] - others[i] : values[i];
        sums[0] += each * each;
    }
    for (int lane = 0; lane < LANES; lane++) total += sums[lane];
    return sqrt(total / (double)count);
}

static double rms_of_noise(const Given *given)
{
    double whole = rms(given->noise, 0, given->repeated), total = 0;
    int64_t times = given->elements / given->repeated, rest = given->elements % given->repeated;
    total = whole * whole * (double)(times * given->repeated);
    if (rest) {
        double part = rms(given->noise, 0, rest);
        total += part * part * (double)rest;
    }
    return sqrt(total / (double)given->elements);
}

static void add_noise(const Given *given, float scale, float *out)
{
    for (int64_t at = 0; at < given->elements; at += given->repeated) {
        int64_t count = given->elements - at < given->repeated ? given->elements - at : given->repeated;
        for (int64_t i = 0; i < count; i++) out[at + i] = given->value[at + i] + given->noise[i] * scale;
    }
}

static void add_difference(const Given *given, float scale, float *out)
{
    const float *value = given->value, *changed = given->changed;
    for (int64_t i = 0; i < given->elements; i++)
        out[i] = value[i] + (changed[i] - value[i]) * scale;
}

/* The changed value, the size of the difference that was found, and of that which was made. */
static void perturb(const Given *given, int64_t cut, float *out, double *found, double *made)
{
    double size = rms(given->value, 0, given->elements);
    *found = cut ? rms(given->changed, given->value, given->elements) : 0;
    *made = (size > 0 ? size : size + 1) * given->step;
    if (*found > 0 && given->start != cut)
        add_difference(given, (float)(*made / *found), out);
    else
        add_noise(given, (float)(*made / rms_of_noise(given)), out);
}

/* The elements of an input, and how many; with `dims` also its shape, which is `free`d. */
static const void *input(const void *const *api, const void *context, size_t index, int64_t *count,
                         int64_t **dims, size_t *rank)
{
    const void *value = 0;
    void *layout = 0, *data = 0;
    size_t elements = 0;
    if (CALL(api, INPUT, (const void *, size_t, const void **), context, index, &value) || !value)
        return 0;
    if (CALL(api, LAYOUT, (const void *, void **), value, &layout)) return 0;
    int failed = CALL(api, COUNT, (const void *, size_t *), layout, &elements)
                 || CALL(api, DATA, (const void *, void **), value, &data);
    if (!failed && dims)
        failed = CALL(api, RANK, (const void *, size_t *), layout, rank)
                 || !(*dims = calloc(*rank + 1, sizeof **dims))
                 || CALL(api, DIMS, (const void *, int64_t *, size_t), layout, *dims, *rank);
    ((void (*)(void *))api[RELEASE_LAYOUT])(layout);
    *count = (int64_t)elements;
    return failed ? 0 : data;
}

static void *output(const void *const *api, void *context, size_t index, const int64_t *dims,
                    size_t rank)
{
    void *value = 0, *data = 0;
    if (CALL(api, OUTPUT, (void *, size_t, const int64_t *, size_t, void **), context, index, dims,
             rank, &value))
        return 0;
    return value && !CALL(api, DATA, (void *, void **), value, &data) ? data : 0;
}

/* Whether a node has what it is written with: a model may hold one of its own. */
static int is_given(Given *given, const void *const *api, void *context, int64_t **dims, size_t *rank)
{
    int64_t changed = 0, one = 0;
    given->value = input(api, context, 0, &given->elements, dims, rank);
    given->changed = input(api, context, 1, &changed, 0, 0);
    given->noise = input(api, context, 2, &given->repeated, 0, 0);
    const double *step = input(api, context, 3, &one, 0, 0);
    if (!step || one != 1) return 0;
    const int64_t *start = input(api, context, 4, &one, 0, 0);
    if (!start || one != 1) return 0;
    given->step = *step;
    given->start = *start;
    return *dims && changed == given->elements && given->repeated > 0;
}

static void compute(void *kernel, void *context)
{
    const void *const *api = ((Kernel *)kernel)->api;
    Given given = {0};
    int64_t *dims = 0;
    size_t rank = 0;
    if (is_given(&given, api, context, &dims, &rank)) {
        float *out = output(api, context, 0, dims, rank);
        double *found = output(api, context, 1, 0, 0), *made = output(api, context, 2, 0, 0);
        if (out && found && made) perturb(&given, ((Kernel *)kernel)->cut, out, found, made);
    }
    free(dims);
}

static const char *name(const Operator *self) { (void)self; return "Perturb"; }
static size_t inputs(const Operator *self) { (void)self; return 5; }
static size_t outputs(const Operator *self) { (void)self; return 3; }

static int input_dtype(const Operator *self, size_t index)
{
    (void)self;
    return index < 3 ? FLOAT : index == 3 ? DOUBLE : INT64;
}

static int output_dtype(const Operator *self, size_t index)
{
    (void)self;
    return index ? DOUBLE : FLOAT;
}

const Operator onnxlint_perturb = {
    FIRST_VERSION, create, name, onnxlint_anywhere, input_dtype, inputs, output_dtype, outputs,
    compute, free, onnxlint_zero, onnxlint_zero, onnxlint_zero, {0},
};
