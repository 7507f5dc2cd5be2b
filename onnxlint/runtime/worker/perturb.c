/* Operators of onnxruntime that scale the difference of two values back, or make one where there is
   none, and tell how large it was: what `perturbed_copy.py` says with fifteen nodes otherwise, each of
   which reads or writes all elements. One is given both values. The other remembers them of a run with
   step 0, which changes nothing, and compares what comes in later runs. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ort.h"

#define LANES 16
#define SLOTS 2 /* so many runs are remembered at once, one in each lane of a session */

typedef struct {
    float *values;
    int64_t elements;
    double size; /* the root of the mean square */
    char taken; /* by a run: a model of its own making may name one slot twice */
} Slot;

typedef struct {
    const void *const *api;
    int64_t cut;
    Slot slots[SLOTS];
} Kernel;

typedef struct {
    const float *value, *changed, *noise;
    int64_t elements, repeated; /* of the values, and of the noise, which is repeated */
    double size;                /* of the value, as the root of the mean square */
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

static void destroy(void *kernel)
{
    for (int slot = 0; slot < SLOTS; slot++) free(((Kernel *)kernel)->slots[slot].values);
    free(kernel);
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
    *found = cut ? rms(given->changed, given->value, given->elements) : 0;
    *made = (given->size > 0 ? given->size : given->size + 1) * given->step;
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

/* The single element of an input; NULL where there are more. */
static const void *number(const void *const *api, const void *context, size_t index)
{
    int64_t count = 0;
    const void *data = input(api, context, index, &count, 0, 0);
    return count == 1 ? data : 0;
}

/* Whether the inputs from `first` on are as they should be: a model may hold a node of its own. */
static int is_given(Given *given, const void *const *api, void *context, size_t first, int64_t **dims,
                    size_t *rank)
{
    given->changed = input(api, context, first, &given->elements, dims, rank);
    given->noise = input(api, context, first + 1, &given->repeated, 0, 0);
    const double *step = number(api, context, first + 2);
    const int64_t *start = number(api, context, first + 3);
    if (!step || !start) return 0;
    given->step = *step;
    given->start = *start;
    return *dims && given->repeated > 0;
}

static void compute(void *kernel, void *context)
{
    const void *const *api = ((Kernel *)kernel)->api;
    Given given = {0};
    int64_t *dims = 0, elements = 0;
    size_t rank = 0;
    given.value = input(api, context, 0, &elements, 0, 0);
    if (is_given(&given, api, context, 1, &dims, &rank) && elements == given.elements) {
        float *out = output(api, context, 0, dims, rank);
        double *found = output(api, context, 1, 0, 0), *made = output(api, context, 2, 0, 0);
        given.size = rms(given.value, 0, elements);
        if (out && found && made) perturb(&given, ((Kernel *)kernel)->cut, out, found, made);
    }
    free(dims);
}

static int remember(Slot *slot, const Given *given)
{
    if (slot->elements != given->elements) {
        free(slot->values);
        slot->values = malloc((size_t)given->elements * sizeof *slot->values + 1);
        slot->elements = slot->values ? given->elements : 0;
    }
    if (!slot->values) return 0;
    memcpy(slot->values, given->changed, (size_t)given->elements * sizeof *slot->values);
    slot->size = rms(slot->values, 0, slot->elements);
    return 1;
}

static void follow(Slot *slot, Given *given, int64_t cut, float *out, double *found, double *made)
{
    if (!given->step) {
        if (!remember(slot, given)) return;
        memcpy(out, given->changed, (size_t)given->elements * sizeof *out);
        *found = *made = 0;
    } else if (slot->values && slot->elements == given->elements) {
        given->value = slot->values;
        given->size = slot->size;
        perturb(given, cut, out, found, made);
    }
}

static void compute_alone(void *kernel, void *context)
{
    const void *const *api = ((Kernel *)kernel)->api;
    Given given = {0};
    int64_t *dims = 0;
    size_t rank = 0;
    const int64_t *number_of_slot = number(api, context, 4);
    if (number_of_slot && *number_of_slot >= 0 && *number_of_slot < SLOTS
        && is_given(&given, api, context, 0, &dims, &rank)) {
        Slot *slot = ((Kernel *)kernel)->slots + *number_of_slot;
        float *out = output(api, context, 0, dims, rank);
        double *found = output(api, context, 1, 0, 0), *made = output(api, context, 2, 0, 0);
        if (out && found && made && !__atomic_test_and_set(&slot->taken, __ATOMIC_ACQUIRE)) {
            follow(slot, &given, ((Kernel *)kernel)->cut, out, found, made);
            __atomic_clear(&slot->taken, __ATOMIC_RELEASE);
        }
    }
    free(dims);
}

static const char *name(const Operator *self) { (void)self; return "Perturb"; }
static const char *name_alone(const Operator *self) { (void)self; return "PerturbAlone"; }
static size_t inputs(const Operator *self) { (void)self; return 5; }
static size_t outputs(const Operator *self) { (void)self; return 3; }

static int input_dtype(const Operator *self, size_t index)
{
    (void)self;
    return index < 3 ? FLOAT : index == 3 ? DOUBLE : INT64;
}

static int input_dtype_alone(const Operator *self, size_t index)
{
    return input_dtype(self, index + 1);
}

static int output_dtype(const Operator *self, size_t index)
{
    (void)self;
    return index ? DOUBLE : FLOAT;
}

const Operator onnxlint_perturb = {
    FIRST_VERSION, create, name, onnxlint_anywhere, input_dtype, inputs, output_dtype, outputs,
    compute, destroy, onnxlint_zero, onnxlint_zero, onnxlint_zero, {0},
};

const Operator onnxlint_perturb_alone = {
    FIRST_VERSION, create, name_alone, onnxlint_anywhere, input_dtype_alone, inputs, output_dtype,
    outputs, compute_alone, destroy, onnxlint_zero, onnxlint_zero, onnxlint_zero, {0},
};
